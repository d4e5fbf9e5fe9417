import type { Endpoint } from '../../api/generated/discovery-v1.ts';

/** What makes an endpoint the same one although its conditions changed. */
export function endpointKey({ addresses, targetRef, nodeName, hostname }: Endpoint): string {
  return [targetRef?.uid, addresses.join(','), nodeName, hostname].join(' ');
}
