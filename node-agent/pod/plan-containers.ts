import type { Pod } from '../../api/generated/core-v1.ts';
import type { ContainerStatus, PodSandboxStatus } from '../runtime/runtime.ts';
import type { ImageFact, PodFacts } from './pod-facts.ts';
import { containersOf, graceSecondsOf, imageVolumesOf, type NamedContainer } from './pod-spec.ts';
import {
  instancesOf,
  isEnded,
  isSuccess,
  latestInstance,
  mayRestart,
  nextRestartBackoffMs,
  restartAtMs,
  restartPolicyOf,
} from './restart-decision.ts';
import { type ImageUse, imageKeyOf, type Step } from './step.ts';

/** Reference by which an instance was started: a change of the spec's image restarts it. */
export const imageAnnotation = 'coracle.dev/image';

interface Planning {
  readonly pod: Pod;
  readonly facts: PodFacts;
  readonly nowMs: number;
  readonly sandbox: PodSandboxStatus | undefined;
}

/** Init containers one after another, then all others at once; ephemeral ones at any time, to look at what fails. */
export function planContainers(pod: Pod, facts: PodFacts, nowMs: number): Step[] {
  const planning = { pod, facts, nowMs, sandbox: currentSandbox(facts) };
  const containers = containersOf(pod);
  const steps: Step[] = planGarbage(facts);
  const isPastInit = hasMainInstance(planning);
  for (const container of containers)
    if (container.role === 'ephemeral') steps.push(...planContainer(planning, container));
  for (const container of containers) {
    if (container.role === 'ephemeral') continue;
    if (container.role === 'init' && isPastInit) continue;
    steps.push(...planContainer(planning, container));
    const mustWait = (container.role === 'init' || container.role === 'sidecar') && !isPastInit;
    if (mustWait && !isStageDone(planning, container)) return steps;
  }
  return steps;
}

/** Of each container the newest instance and the one before are kept: `kubectl logs --previous` reads it. */
const keptInstances = 2;

function planGarbage(facts: PodFacts): Step[] {
  const names = new Set(facts.containers.map(({ name }) => name));
  return [...names].flatMap((name) =>
    instancesOf(facts, name)
      .slice(0, -keptInstances)
      .filter(isEnded)
      .map(({ id }): Step => ({ kind: 'removeContainer', containerId: id })),
  );
}

export function currentSandbox(facts: Pick<PodFacts, 'sandboxes'>): PodSandboxStatus | undefined {
  return facts.sandboxes
    .filter((sandbox) => sandbox.ready)
    .sort((left, right) => right.attempt - left.attempt)[0];
}

/** Once an app container exists in this sandbox, initialisation is over: init containers are not run again. */
function hasMainInstance({ pod, facts, sandbox }: Planning): boolean {
  const names = new Set(pod.spec.containers.map((container) => container.name));
  return (
    sandbox !== undefined &&
    facts.containers.some((instance) => names.has(instance.name) && instance.sandboxId === sandbox.id)
  );
}

/** Whether what comes after an init container or sidecar may start. */
function isStageDone({ facts, sandbox }: Planning, container: NamedContainer): boolean {
  const last = latestInstance(facts, container.spec.name);
  if (last === undefined || sandbox === undefined || last.sandboxId !== sandbox.id) return false;
  if (container.role === 'init') return isSuccess(last);
  return last.state === 'running' && hasStarted(facts, last);
}

/** Running, past its startup probe and its postStart hook. */
export function hasStarted(facts: Pick<PodFacts, 'probes' | 'hooks'>, instance: ContainerStatus): boolean {
  const startup = facts.probes.get(instance.id)?.startup ?? 'none';
  return (startup === 'none' || startup === 'passed') && facts.hooks.get(instance.id) === undefined;
}

function planContainer(planning: Planning, container: NamedContainer): Step[] {
  const { facts, sandbox } = planning;
  const last = latestInstance(facts, container.spec.name);
  if (last === undefined) return planStart(planning, container, 0, undefined);
  if (last.state === 'created')
    return facts.inFlight.has(`startContainer ${container.spec.name}`)
      ? []
      : [{ kind: 'removeContainer', containerId: last.id }];
  if (!isEnded(last)) return planRunning(planning, container, last);
  const isFromLostSandbox = sandbox !== undefined && last.sandboxId !== sandbox.id;
  if (container.role === 'init' && isFromLostSandbox)
    return planStart(planning, container, last.attempt + 1, last);
  if (!mayRestart(planning.pod, container, last)) return [];
  if (isFromLostSandbox) return planStart(planning, container, last.attempt + 1, last);
  const atMs = restartAtMs(last);
  return atMs > planning.nowMs
    ? [{ kind: 'wake', atMs }]
    : planStart(planning, container, last.attempt + 1, last);
}

function planStart(
  planning: Planning,
  container: NamedContainer,
  attempt: number,
  previous: ContainerStatus | undefined,
): Step[] {
  const { facts, nowMs, sandbox } = planning;
  const { name } = container.spec;
  if (facts.inFlight.has(`startContainer ${name}`)) return [];
  const fault = facts.faults.get(name);
  if (fault !== undefined && fault.retryAtMs > nowMs) return [{ kind: 'wake', atMs: fault.retryAtMs }];
  const images = planImages(planning, container, attempt);
  if (images.length > 0) return images;
  if (sandbox === undefined || facts.volumes.state !== 'mounted') return [];
  return [
    { kind: 'startContainer', container: name, attempt, restartBackoffMs: nextRestartBackoffMs(previous) },
  ];
}

/** The container's own image anew for each start, those of its volumes once for the pod. */
function planImages({ pod, facts, nowMs }: Planning, container: NamedContainer, attempt: number): Step[] {
  const { name } = container.spec;
  const own = { container: name, attempt };
  const volumes = imageVolumesOf(pod, container).map((volume) => ({
    container: name,
    volume: volume.name,
    attempt: 0,
  }));
  return [own, ...volumes].flatMap((use): Step[] => {
    const fact = facts.images.get(imageKeyOf(use));
    if (fact === undefined || fact.attempt !== use.attempt) return [{ kind: 'ensureImage', ...use }];
    return fact.state === 'failed' ? planImageRetry(use, fact, nowMs) : [];
  });
}

/** For its first moments a failed pull is shown as what it is, then as a wait. */
export const announceAfterMs = 2_000;

function planImageRetry(
  { container, volume }: ImageUse,
  image: Extract<ImageFact, { state: 'failed' }>,
  nowMs: number,
): Step[] {
  if (image.retryAtMs <= nowMs) return [{ kind: 'ensureImage', container, volume, attempt: image.attempt }];
  if (image.isAnnounced) return [{ kind: 'wake', atMs: image.retryAtMs }];
  const announceAtMs = image.failedAtMs + announceAfterMs;
  return announceAtMs <= nowMs
    ? [{ kind: 'announceImageBackoff', container, volume }]
    : [{ kind: 'wake', atMs: announceAtMs }];
}

function planRunning(
  { pod, facts, nowMs }: Planning,
  container: NamedContainer,
  instance: ContainerStatus,
): Step[] {
  const why = reasonToKill(pod, facts, container, instance);
  if (why !== undefined) {
    const isStopping = [...facts.inFlight].some((key) => key.startsWith(`stopContainer ${instance.id} `));
    if (isStopping) return [];
    return [
      {
        kind: 'stopContainer',
        container: container.spec.name,
        containerId: instance.id,
        deadlineMs: nowMs + why.graceSeconds * 1000,
        message: why.message,
      },
    ];
  }
  if (facts.hooks.get(instance.id) === 'pending')
    return [{ kind: 'runPostStart', container: container.spec.name, containerId: instance.id }];
  return [];
}

interface Killing {
  readonly message: string;
  readonly graceSeconds: number;
}

function reasonToKill(
  pod: Pod,
  facts: PodFacts,
  container: NamedContainer,
  instance: ContainerStatus,
): Killing | undefined {
  const { spec } = container;
  const usual = graceSecondsOf(pod);
  const suffix =
    restartPolicyOf(pod) === 'Never' && container.role !== 'sidecar' ? '' : ', will be restarted';
  const startedImage = instance.annotations[imageAnnotation];
  if (startedImage !== undefined && startedImage !== spec.image && container.role !== 'ephemeral')
    return { message: `Container ${spec.name} definition changed${suffix}`, graceSeconds: usual };
  const probe = facts.probes.get(instance.id);
  if (probe?.liveness === 'failed')
    return {
      message: `Container ${spec.name} failed liveness probe${suffix}`,
      graceSeconds: spec.livenessProbe?.terminationGracePeriodSeconds ?? usual,
    };
  if (probe?.startup === 'failed')
    return {
      message: `Container ${spec.name} failed startup probe${suffix}`,
      graceSeconds: spec.startupProbe?.terminationGracePeriodSeconds ?? usual,
    };
  if (facts.hooks.get(instance.id) === 'failed')
    return { message: 'FailedPostStartHook', graceSeconds: usual };
  return undefined;
}
