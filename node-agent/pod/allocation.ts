import type { Container, Pod, ResourceRequirements } from '../../api/generated/core-v1.ts';
import { knownStatus } from './pod-spec.ts';

/** By container name: what the node has promised. It differs from the spec while a resize waits for its turn. */
export type Allocation = ReadonlyMap<string, ResourceRequirements>;

export function allocationOf(pod: Pod): Allocation {
  return new Map(resizable(pod).map(({ name, resources = {} }) => [name, resources]));
}

/** What the status says that the containers have: the promise of an agent that has ended. */
export function recoveredAllocation(pod: Pod): Allocation {
  return new Map(
    resizable(pod).map(({ name, resources = {} }) => {
      const known = knownStatus(pod, name);
      const isKnown = known?.containerID !== undefined && known.containerID !== '';
      return [name, (isKnown ? known.resources : undefined) ?? resources];
    }),
  );
}

export function isAllocated(pod: Pod, allocation: Allocation): boolean {
  return resizable(pod).every(({ name, resources }) => sameResources(resources, allocation.get(name)));
}

/** The pod as the node has promised to run it. */
export function allocatedPod(pod: Pod, allocation: Allocation): Pod {
  if (isAllocated(pod, allocation)) return pod;
  const allot = (container: Container): Container => ({
    ...container,
    resources: allocation.get(container.name) ?? container.resources,
  });
  const { containers, initContainers } = pod.spec;
  return {
    ...pod,
    spec: {
      ...pod.spec,
      containers: containers.map(allot),
      ...(initContainers === undefined ? {} : { initContainers: initContainers.map(allot) }),
    },
  };
}

export function sameResources(
  left: ResourceRequirements | undefined,
  right: ResourceRequirements | undefined,
): boolean {
  return sameAmounts(left?.requests, right?.requests) && sameAmounts(left?.limits, right?.limits);
}

type Amounts = Readonly<Record<string, string>>;

function sameAmounts(left: Amounts = {}, right: Amounts = {}): boolean {
  const names = Object.keys(left);
  return names.length === Object.keys(right).length && names.every((name) => left[name] === right[name]);
}

function resizable({ spec }: Pod): Container[] {
  return [...(spec.initContainers ?? []), ...spec.containers];
}
