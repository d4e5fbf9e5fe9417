import type { Container, Pod, PodStatus, Volume } from '../api/generated/core-v1.ts';

const heededConditions: ReadonlySet<string> = new Set(['Ready', 'PodResizePending', 'PodResizeInProgress']);

/**
 * What scheduling asks of a pod that has its node; what else the API server sends is let go as it arrives, so that a
 * restart at 150,000 pods does not hold them all in full. A pod that waits stays as it is.
 */
export function leanPod(pod: Pod): Pod {
  const { metadata, spec, status } = pod;
  if ((spec.nodeName ?? '') === '') return pod;
  const { managedFields: _, ...identity } = metadata;
  return {
    ...pod,
    metadata: identity,
    spec: {
      ...spec,
      containers: spec.containers.map(leanContainer),
      initContainers: spec.initContainers?.map(leanContainer),
      volumes: spec.volumes?.filter(isHeeded),
    },
    ...(status === undefined ? {} : { status: leanStatus(status) }),
  };
}

const leanContainer = ({ name, image, ports, resources, restartPolicy }: Container): Container => ({
  ...{ name, image, ports, resources, restartPolicy },
});

/** What keeps a pod on its node. */
const isHeeded = ({ projected, secret, configMap, downwardAPI }: Volume): boolean =>
  (projected ?? secret ?? configMap ?? downwardAPI) === undefined;

function leanStatus({ phase, startTime, nominatedNodeName, conditions, ...rest }: PodStatus): PodStatus {
  const heeded = (conditions ?? []).filter(({ type }) => heededConditions.has(type));
  const isResizing = heeded.some(({ type }) => type !== 'Ready');
  const { containerStatuses, initContainerStatuses } = rest;
  return {
    ...{ phase, startTime, nominatedNodeName, conditions: heeded },
    ...(isResizing ? { containerStatuses, initContainerStatuses } : {}),
  };
}
