import type { PodClass } from './pod-class.ts';

/** Equal for classes that plugins which look at one node only cannot tell apart, but for their owner's replicas. */
export const shapeKeyOf = (pod: PodClass): string =>
  JSON.stringify(
    [
      ...[pod.priority, pod.requests, pod.estimate, pod.hostPorts, pod.tolerations, pod.nodeName],
      ...[pod.nodeSelector, pod.requiredNodes, pod.preferredNodes, pod.images, pod.volumes],
    ],
    (_, value: unknown) => (value instanceof Map ? [...value] : value),
  );

/** A class without owner, labels and namespace: what all classes of that shape have in common. */
export const shapeOf = (pod: PodClass, key: string): PodClass => ({
  ...pod,
  key,
  namespace: '',
  labels: {},
  owner: undefined,
  affinity: { required: [], requiredAnti: [], preferred: [], carried: [] },
  spread: [],
});
