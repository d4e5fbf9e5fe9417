import type {
  Container,
  ContainerStatus,
  EphemeralContainer,
  Pod,
  Volume,
} from '../../api/generated/core-v1.ts';

/** Kubernetes' default of `terminationGracePeriodSeconds`. */
export const defaultGraceSeconds = 30;

/** An init container that keeps running beside the pod's own containers. */
export function isSidecar(container: Container): boolean {
  return container.restartPolicy === 'Always';
}

export type ContainerRole = 'init' | 'sidecar' | 'main' | 'ephemeral';

export interface NamedContainer {
  readonly role: ContainerRole;
  readonly spec: Container | EphemeralContainer;
}

/** All containers of a pod: init containers in the order in which they start, the rest of what starts together. */
export function containersOf(pod: Pod): NamedContainer[] {
  const initContainers = (pod.spec.initContainers ?? []).map(
    (spec): NamedContainer => ({ role: isSidecar(spec) ? 'sidecar' : 'init', spec }),
  );
  const mainContainers = pod.spec.containers.map((spec): NamedContainer => ({ role: 'main', spec }));
  const ephemeral = (pod.spec.ephemeralContainers ?? []).map(
    (spec): NamedContainer => ({ role: 'ephemeral', spec }),
  );
  return [...initContainers, ...mainContainers, ...ephemeral];
}

export function containerNamed(pod: Pod, name: string): NamedContainer | undefined {
  return containersOf(pod).find((container) => container.spec.name === name);
}

/** Volumes of a container that are images. */
export function imageVolumesOf(pod: Pod, { spec }: NamedContainer): Volume[] {
  const mounted = new Set((spec.volumeMounts ?? []).map(({ name }) => name));
  return (pod.spec.volumes ?? []).filter(({ name, image }) => image !== undefined && mounted.has(name));
}

/** What the API knows of a container. */
export function knownStatus(pod: Pod, name: string): ContainerStatus | undefined {
  const { status } = pod;
  return [
    ...(status?.containerStatuses ?? []),
    ...(status?.initContainerStatuses ?? []),
    ...(status?.ephemeralContainerStatuses ?? []),
  ].find((known) => known.name === name);
}

/** `name_namespace(uid)`, as messages of the node name a pod. */
export function podLabel(pod: Pod): string {
  return `${pod.metadata.name}_${pod.metadata.namespace ?? ''}(${pod.metadata.uid})`;
}

/** Path of the container inside the pod, for `involvedObject.fieldPath` of events. */
export function containerFieldPath(container: NamedContainer): string {
  const list = {
    init: 'initContainers',
    sidecar: 'initContainers',
    main: 'containers',
    ephemeral: 'ephemeralContainers',
  };
  return `spec.${list[container.role]}{${container.spec.name}}`;
}

export function isTerminalPhase(phase: string | undefined): boolean {
  return phase === 'Succeeded' || phase === 'Failed';
}

/** Grace period for ending the pod: what the deletion says, else what the spec says. At least 1 s unless forced. */
export function graceSecondsOf(pod: Pod): number {
  const { deletionGracePeriodSeconds } = pod.metadata;
  return deletionGracePeriodSeconds ?? pod.spec.terminationGracePeriodSeconds ?? defaultGraceSeconds;
}
