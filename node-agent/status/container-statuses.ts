import type {
  ContainerStatus as ApiContainerStatus,
  ContainerState,
  ContainerStateTerminated,
  LinuxContainerUser,
  Pod,
} from '../../api/generated/core-v1.ts';
import { toTime } from '../../base/clock.ts';
import { hasStarted } from '../pod/plan-containers.ts';
import { actualResources } from '../pod/plan-resize.ts';
import type { PodFacts } from '../pod/pod-facts.ts';
import { isEnding } from '../pod/pod-outcome.ts';
import {
  type ContainerRole,
  containersOf,
  imageVolumesOf,
  knownStatus,
  type NamedContainer,
  podLabel,
} from '../pod/pod-spec.ts';
import {
  instancesOf,
  isSuccess,
  mayRestart,
  restartAtMs,
  restartBackoffOf,
} from '../pod/restart-decision.ts';
import { imageKeyOf } from '../pod/step.ts';
import type { ContainerStatus, ContainerUser } from '../runtime/runtime.ts';

export interface StatusInput {
  readonly pod: Pod;
  readonly facts: PodFacts;
  readonly nowMs: number;
}

export function containerStatusesOf(
  input: StatusInput,
  roles: readonly ContainerRole[],
): ApiContainerStatus[] {
  return containersOf(input.pod)
    .filter(({ role }) => roles.includes(role))
    .map((container) => containerStatusOf(input, container));
}

function containerStatusOf(input: StatusInput, container: NamedContainer): ApiContainerStatus {
  const { facts } = input;
  const instances = instancesOf(facts, container.spec.name).filter(({ state }) => state !== 'created');
  const last = instances.at(-1);
  if (last === undefined) return neverStarted(input, container);
  const state = stateOf(input, container, last);
  const previous = state.waiting === undefined ? instances.at(-2) : last;
  const isRunning = last.state === 'running';
  const started = isRunning && hasStarted(facts, last);
  const lastState = previous === undefined ? {} : { terminated: terminatedState(previous, facts) };
  return {
    name: container.spec.name,
    state,
    lastState,
    ready: isReady(facts, container, last, started),
    restartCount: last.attempt,
    image: last.image,
    imageID: last.imageId,
    containerID: toContainerId(last.id),
    started,
    ...resourcesOf(facts, container, last),
    ...mountsOf(container),
    ...(last.user === undefined ? {} : { user: { linux: userOf(last.user) } }),
  };
}

function userOf({ uid, gid, supplementalGroups }: ContainerUser): LinuxContainerUser {
  return { uid, gid, supplementalGroups: [...supplementalGroups] };
}

/** What the node has promised a container, and what it runs with. */
function resourcesOf(
  facts: PodFacts,
  { role, spec }: NamedContainer,
  instance: ContainerStatus | undefined,
): Pick<ApiContainerStatus, 'resources' | 'allocatedResources'> {
  if (role === 'ephemeral') return {};
  const { requests } = spec.resources ?? {};
  return {
    ...(requests === undefined ? {} : { allocatedResources: requests }),
    resources:
      instance?.state === 'running' ? actualResources(facts, spec, instance) : (spec.resources ?? {}),
  };
}

/** What is mounted, and how: no mount here is read-only all the way down. */
function mountsOf({ spec }: NamedContainer): Pick<ApiContainerStatus, 'volumeMounts'> {
  const { volumeMounts = [] } = spec;
  if (volumeMounts.length === 0) return {};
  const recursiveReadOnly = 'Disabled';
  return {
    volumeMounts: volumeMounts.map(({ name, mountPath, readOnly }) => ({
      name,
      mountPath,
      ...(readOnly === true ? { readOnly, recursiveReadOnly } : {}),
    })),
  };
}

export function toContainerId(id: string): string {
  return `crun://${id}`;
}

function isReady(
  facts: PodFacts,
  container: NamedContainer,
  last: ContainerStatus,
  started: boolean,
): boolean {
  if (container.role === 'init') return isSuccess(last);
  if (last.state !== 'running' || !started) return false;
  return facts.probes.get(last.id)?.readiness ?? container.spec.readinessProbe === undefined;
}

/** What the API knew of a container whose instances are gone from the node is kept. */
function neverStarted(input: StatusInput, container: NamedContainer): ApiContainerStatus {
  const known = knownStatus(input.pod, container.spec.name);
  if (known?.containerID !== undefined && known.containerID !== '') return lostStatus(input, known);
  return {
    name: container.spec.name,
    state: { waiting: waitingState(input, container, known?.restartCount ?? 0) },
    lastState: {},
    ready: false,
    restartCount: known?.restartCount ?? 0,
    image: container.spec.image ?? '',
    imageID: '',
    started: false,
    ...resourcesOf(input.facts, container, undefined),
    ...mountsOf(container),
  };
}

/** It was running when the API last heard of it, and nobody knows how it ended. */
function lostStatus(input: StatusInput, known: ApiContainerStatus): ApiContainerStatus {
  const base = { ...known, ready: false, started: false };
  if (known.state?.running === undefined) return base;
  const terminated: ContainerStateTerminated = {
    exitCode: 137,
    reason: 'ContainerStatusUnknown',
    message: 'The container could not be located when the pod was terminated',
  };
  if (isEnding(input.pod, input.facts)) return { ...base, state: { terminated } };
  return { ...base, state: { waiting: { reason: 'ContainerCreating' } }, lastState: { terminated } };
}

function stateOf(input: StatusInput, container: NamedContainer, last: ContainerStatus): ContainerState {
  if (last.state === 'running')
    return { running: { startedAt: toTime(last.startedAtMs ?? last.createdAtMs) } };
  const startsAgain = !isEnding(input.pod, input.facts) && mayRestart(input.pod, container, last);
  const waiting = startsAgain ? waitingToRestart(input, container, last) : undefined;
  return waiting === undefined ? { terminated: terminatedState(last, input.facts) } : { waiting };
}

function waitingToRestart(
  input: StatusInput,
  container: NamedContainer,
  last: ContainerStatus,
): { reason: string; message?: string } | undefined {
  const { nowMs, pod } = input;
  const trouble = troubleOf(input, container, last.attempt + 1);
  if (trouble !== undefined) return trouble;
  if (restartAtMs(last) <= nowMs) return undefined;
  const wait = toGoDuration(restartBackoffOf(last));
  return {
    reason: 'CrashLoopBackOff',
    message: `back-off ${wait} restarting failed container=${container.spec.name} pod=${podLabel(pod)}`,
  };
}

/** Whole seconds as Go prints a duration: `10s`, `1m20s`, `5m0s`. */
export function toGoDuration(ms: number): string {
  const seconds = Math.round(ms / 1000);
  return seconds < 60 ? `${seconds}s` : `${Math.floor(seconds / 60)}m${seconds % 60}s`;
}

function troubleOf(
  { pod, facts }: StatusInput,
  container: NamedContainer,
  attempt: number,
): { reason: string; message: string } | undefined {
  const { name } = container.spec;
  const own = facts.images.get(name);
  const images = [
    ...(own?.attempt === attempt ? [own] : []),
    ...imageVolumesOf(pod, container).map((volume) =>
      facts.images.get(imageKeyOf({ container: name, volume: volume.name })),
    ),
  ];
  for (const image of images)
    if (image?.state === 'failed') return { reason: image.reason, message: image.message };
  const fault = facts.faults.get(name);
  return fault === undefined ? undefined : { reason: fault.reason, message: fault.message };
}

function waitingState(
  input: StatusInput,
  container: NamedContainer,
  attempt: number,
): { reason: string; message?: string } {
  const trouble = troubleOf(input, container, attempt);
  if (trouble !== undefined) return trouble;
  const hasInit = (input.pod.spec.initContainers ?? []).length > 0;
  return { reason: hasInit ? 'PodInitializing' : 'ContainerCreating' };
}

export function terminatedState(instance: ContainerStatus, facts: PodFacts): ContainerStateTerminated {
  const exitCode = instance.exitCode ?? 137;
  const message = facts.terminationMessages.get(instance.id) ?? instance.message;
  const reason =
    instance.reason ??
    (instance.exitCode === undefined ? 'ContainerStatusUnknown' : exitCode === 0 ? 'Completed' : 'Error');
  return {
    exitCode,
    reason,
    ...(message === undefined || message === '' ? {} : { message }),
    startedAt: toTime(instance.startedAtMs ?? instance.createdAtMs),
    finishedAt: toTime(instance.finishedAtMs ?? instance.createdAtMs),
    containerID: toContainerId(instance.id),
  };
}
