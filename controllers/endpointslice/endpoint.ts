import type { Pod, Service } from '../../api/generated/core-v1.ts';
import type { Endpoint } from '../../api/generated/discovery-v1.ts';
import type { NodeHealth } from '../node-state.ts';
import { isPodReady, isPodTerminal, isTerminating, podCondition } from '../pod-state.ts';

/** What an endpoint takes from the node of its pod. */
export interface EndpointNode {
  readonly health: NodeHealth;
  readonly zone: string | undefined;
}

/** One pod behind a service. `changedAt` is when its readiness last changed. */
export interface PlannedEndpoint {
  readonly endpoint: Endpoint;
  readonly pod: Pod;
  readonly changedAt: string | undefined;
}

/**
 * The endpoints of a service: every pod with an address that has not finished. A pod of a silent or dead node is not
 * ready. But suspicion alone never empties a service: when only silent nodes have ready pods, those stay.
 */
export function planEndpoints(
  service: Service,
  pods: readonly Pod[],
  nodeOf: (name: string) => EndpointNode | undefined,
): PlannedEndpoint[] {
  const tolerant = service.spec.publishNotReadyAddresses === true;
  const candidates = pods
    .filter((pod) => !isPodTerminal(pod) && (pod.status?.podIP ?? '') !== '')
    .map((pod) => ({ pod, node: pod.spec.nodeName === undefined ? undefined : nodeOf(pod.spec.nodeName) }))
    .filter(({ node }) => node !== undefined || tolerant);
  const isServing = (pod: Pod, node: EndpointNode | undefined, suspicionCounts: boolean): boolean =>
    isPodReady(pod) && node?.health !== 'dead' && !(suspicionCounts && node?.health === 'silent');
  const survives = candidates.some(({ pod, node }) => !isTerminating(pod) && isServing(pod, node, true));
  return candidates.map(({ pod, node }) => ({
    pod,
    changedAt: podCondition(pod, 'Ready')?.lastTransitionTime,
    endpoint: toEndpoint({ service, pod, node, serving: isServing(pod, node, survives), tolerant }),
  }));
}

function toEndpoint(input: {
  readonly service: Service;
  readonly pod: Pod;
  readonly node: EndpointNode | undefined;
  readonly serving: boolean;
  readonly tolerant: boolean;
}): Endpoint {
  const { service, pod, node, serving, tolerant } = input;
  const { metadata, spec, status } = pod;
  const terminating = isTerminating(pod);
  const hasName = (spec.hostname ?? '') !== '' && spec.subdomain === service.metadata.name;
  return {
    addresses: [status?.podIP ?? ''],
    conditions: { ready: tolerant || (serving && !terminating), serving, terminating },
    ...(hasName ? { hostname: spec.hostname } : {}),
    ...(spec.nodeName === undefined ? {} : { nodeName: spec.nodeName }),
    targetRef: { kind: 'Pod', namespace: metadata.namespace, name: metadata.name, uid: metadata.uid },
    ...(node?.zone === undefined ? {} : { zone: node.zone }),
  };
}
