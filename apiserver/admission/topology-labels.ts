import type { ReadCache } from '../watch-cache/read-cache.ts';

const copied = ['topology.kubernetes.io/zone', 'topology.kubernetes.io/region'];

/**
 * What a pod learns of its node's place when it is bound: Kubernetes' PodTopologyLabels, which admits bindings. The
 * bindings here are judged in bulk, so it is a function that they call. Undefined when the node says nothing.
 */
export function topologyLabels(cache: ReadCache, nodeName: string): Record<string, string> | undefined {
  const labels = cache.get('/nodes', '', nodeName)?.labels;
  if (labels === undefined) return undefined;
  const found = copied.flatMap((key) => {
    const value = labels.get(key);
    return value === undefined ? [] : [[key, value] as const];
  });
  return found.length === 0 ? undefined : Object.fromEntries(found);
}
