import { codeOf, messageOf } from '../../base/invariant.ts';
import type { RegistryAuth } from '../runtime/runtime.ts';
import type { ImageFact } from './pod-facts.ts';
import type { PodRun } from './pod-run.ts';
import { containerNamed, type NamedContainer } from './pod-spec.ts';
import { registryAuthFor } from './registry-auth.ts';
import { retryDelayMs } from './restart-decision.ts';
import { type ImageUse, imageKeyOf, type Step } from './step.ts';

type EnsureImage = Extract<Step, { kind: 'ensureImage' }>;

/** What a step is about: a container's own image, or that of a volume, of which events of the pod as a whole tell. */
interface WantedImage {
  readonly key: string;
  readonly reference: string;
  readonly pullPolicy: string | undefined;
  readonly container: NamedContainer | undefined;
}

function wantedImage(use: ImageUse, { pod }: PodRun): WantedImage | undefined {
  const key = imageKeyOf(use);
  if (use.volume !== undefined) {
    const source = pod.spec.volumes?.find(({ name }) => name === use.volume)?.image;
    const { reference = '', pullPolicy } = source ?? {};
    return source === undefined ? undefined : { key, reference, pullPolicy, container: undefined };
  }
  const container = containerNamed(pod, use.container);
  if (container === undefined) return undefined;
  const { image = '', imagePullPolicy } = container.spec;
  return { key, reference: image, pullPolicy: imagePullPolicy, container };
}

export async function ensureImage(step: EnsureImage, run: PodRun): Promise<void> {
  const { attempt } = step;
  const wanted = wantedImage(step, run);
  if (wanted === undefined) return;
  const { key, reference } = wanted;
  const policy = pullPolicyOf(wanted);
  try {
    if (policy !== 'Always') {
      const present = await run.dependencies.images.imageStatus(reference);
      if (present !== undefined) {
        report(
          run,
          wanted,
          `Container image "${reference}" already present on machine and can be accessed by the pod`,
        );
        run.memory.images.set(key, { state: 'present', attempt, imageId: present.id });
        return;
      }
    }
    if (policy === 'Never') return refuse(run, wanted, attempt);
    run.memory.images.set(key, { state: 'present', attempt, imageId: await pull(run, wanted) });
  } catch (error) {
    fail(run, wanted, attempt, error);
  }
}

/** `latest`, said or meant, is pulled each time unless the pod says otherwise. */
function pullPolicyOf({ reference, pullPolicy }: WantedImage): string {
  if (pullPolicy !== undefined && pullPolicy !== '') return pullPolicy;
  if (reference.includes('@')) return 'IfNotPresent';
  const tag = /:([^/:]+)$/.exec(reference)?.[1] ?? 'latest';
  return tag === 'latest' ? 'Always' : 'IfNotPresent';
}

function report(run: PodRun, { container }: WantedImage, message: string): void {
  run.report({ type: 'Normal', reason: 'Pulled', message, container });
}

async function pull(run: PodRun, wanted: WantedImage): Promise<string> {
  const { images, clock } = run.dependencies;
  const { reference: image, container } = wanted;
  run.report({ type: 'Normal', reason: 'Pulling', message: `Pulling image "${image}"`, container });
  const startedMs = clock.monotonicMs();
  const auth: RegistryAuth | undefined = await registryAuthFor(run, image);
  const imageId = await images.pullImage(image, auth);
  const took = toGoMillis(clock.monotonicMs() - startedMs);
  const sizeBytes = (await images.imageStatus(image))?.sizeBytes ?? 0;
  report(
    run,
    wanted,
    `Successfully pulled image "${image}" in ${took} (${took} including waiting). Image size: ${sizeBytes} bytes.`,
  );
  return imageId;
}

/** As Go prints a duration to the millisecond: `87ms`, `1.204s`. */
function toGoMillis(ms: number): string {
  return ms < 1000 ? `${Math.round(ms)}ms` : `${(ms / 1000).toFixed(3).replace(/\.?0+$/, '')}s`;
}

function refuse(run: PodRun, wanted: WantedImage, attempt: number): void {
  const { container, reference } = wanted;
  const message = `Container image "${reference}" is not present with pull policy of Never`;
  run.report({ type: 'Warning', reason: 'ErrImageNeverPull', message, container });
  run.report({ type: 'Warning', reason: 'Failed', message: 'Error: ErrImageNeverPull', container });
  remember(run, wanted, attempt, { reason: 'ErrImageNeverPull', message, isAnnounced: true });
}

function fail(run: PodRun, wanted: WantedImage, attempt: number, error: unknown): void {
  const { container, reference: image } = wanted;
  if (codeOf(error) === 'IMAGE_INVALID_NAME') {
    const message = `Failed to apply default image tag "${image}": couldn't parse image name "${image}": invalid reference format`;
    run.report({ type: 'Warning', reason: 'InspectFailed', message, container });
    run.report({ type: 'Warning', reason: 'Failed', message: 'Error: InvalidImageName', container });
    remember(run, wanted, attempt, { reason: 'InvalidImageName', message, isAnnounced: true });
    return;
  }
  const message = `Failed to pull image "${image}": ${messageOf(error)}`;
  run.report({ type: 'Warning', reason: 'Failed', message, container });
  run.report({ type: 'Warning', reason: 'Failed', message: 'Error: ErrImagePull', container });
  remember(run, wanted, attempt, {
    reason: 'ErrImagePull',
    message: messageOf(error),
    isAnnounced: false,
  });
}

function remember(
  run: PodRun,
  { key }: WantedImage,
  attempt: number,
  failure: { readonly reason: string; readonly message: string; readonly isAnnounced: boolean },
): void {
  const previous = run.memory.images.get(key);
  const failures = previous?.state === 'failed' ? previous.failures + 1 : 1;
  const failedAtMs = run.dependencies.clock.nowMs();
  const fact: ImageFact = {
    state: 'failed',
    attempt,
    ...failure,
    failures,
    failedAtMs,
    retryAtMs: failedAtMs + retryDelayMs(failures),
  };
  run.memory.images.set(key, fact);
}

export async function announceImageBackoff(
  step: Extract<Step, { kind: 'announceImageBackoff' }>,
  run: PodRun,
): Promise<void> {
  const wanted = wantedImage(step, run);
  if (wanted === undefined) return;
  const { key, reference, container } = wanted;
  const fact = run.memory.images.get(key);
  if (fact?.state !== 'failed') return;
  const message = `Back-off pulling image "${reference}"`;
  run.report({ type: 'Normal', reason: 'BackOff', message, container });
  run.report({ type: 'Warning', reason: 'Failed', message: 'Error: ImagePullBackOff', container });
  run.memory.images.set(key, {
    ...fact,
    reason: 'ImagePullBackOff',
    message: `${message}: ErrImagePull: ${fact.message}`,
    isAnnounced: true,
  });
}
