import type { Container, EphemeralContainer, PodSpec } from '../../../api/generated/core-v1.ts';

/** What is judged: a pod, or the template of pods to come. */
export interface JudgedPod {
  readonly annotations: Readonly<Record<string, string>>;
  readonly spec: PodSpec;
}

/** `detail` says which parts of the pod. */
export interface Violation {
  readonly reason: string;
  readonly detail: string;
}

export type Judge = (pod: JudgedPod) => Violation | undefined;

/** One rule of a level, as it was from each of some minor versions on. */
export interface Check {
  readonly id: string;
  readonly versions: readonly (readonly [fromMinor: number, judge: Judge])[];
  /** Rules of the lower level that this one stands for. */
  readonly overrides?: readonly string[];
}

export type AnyContainer = Container | EphemeralContainer;

export const containersOf = (spec: PodSpec): AnyContainer[] => [
  ...(spec.initContainers ?? []),
  ...(spec.containers ?? []),
  ...(spec.ephemeralContainers ?? []),
];

export const quoted = (names: readonly string[]): string => `"${names.join('", "')}"`;

export const sortedSet = (values: Iterable<string>): string[] => [...new Set(values)].sort();

export const plural = (count: number, singular: string, many = `${singular}s`): string =>
  count === 1 ? singular : many;

/** `container "a"` or `containers "a", "b"`. */
export const containersCalled = (names: readonly string[]): string =>
  `${plural(names.length, 'container')} ${quoted(names)}`;

/** Names of the containers for which `isBad`. */
export const badContainers = (spec: PodSpec, isBad: (container: AnyContainer) => boolean): string[] =>
  containersOf(spec)
    .filter(isBad)
    .map(({ name }) => name);

/** `pod and container "a"`: who sets something; empty when nobody does. */
export function setters(pod: boolean, containers: readonly string[]): string {
  return [...(pod ? ['pod'] : []), ...(containers.length > 0 ? [containersCalled(containers)] : [])].join(
    ' and ',
  );
}
