import { codeOf, messageOf } from '../../base/invariant.ts';
import type { RegistryAuth } from '../runtime/runtime.ts';
import type { ImageFact } from './pod-facts.ts';
import type { PodRun } from './pod-run.ts';
import { containerNamed, type NamedContainer } from './pod-spec.ts';
import { registryAuthFor } from './registry-auth.ts';
import { retryDelayMs } from './restart-decision.ts';
import type { Step } from './step.ts';

type EnsureImage = Extract<Step, { kind: 'ensureImage' }>;

export async function ensureImage({ container: name, attempt }: EnsureImage, run: PodRun): Promise<void> {
  const container = containerNamed(run.pod, name);
  if (container === undefined) return;
  const image = container.spec.image ?? '';
  const policy = pullPolicyOf(container);
  try {
    if (policy !== 'Always') {
      const present = await run.dependencies.images.imageStatus(image);
      if (present !== undefined) {
        report(
          run,
          container,
          `Container image "${image}" already present on machine and can be accessed by the pod`,
        );
        run.memory.images.set(name, { state: 'present', attempt, imageId: present.id });
        return;
      }
    }
    if (policy === 'Never') return refuse(run, container, attempt);
    run.memory.images.set(name, { state: 'present', attempt, imageId: await pull(run, container, image) });
  } catch (error) {
    fail(run, container, attempt, error);
  }
}

/** `latest`, said or meant, is pulled each time unless the pod says otherwise. */
export function pullPolicyOf({ spec }: NamedContainer): string {
  if (spec.imagePullPolicy !== undefined && spec.imagePullPolicy !== '') return spec.imagePullPolicy;
  const reference = spec.image ?? '';
  if (reference.includes('@')) return 'IfNotPresent';
  const tag = /:([^/:]+)$/.exec(reference)?.[1] ?? 'latest';
  return tag === 'latest' ? 'Always' : 'IfNotPresent';
}

function report(run: PodRun, container: NamedContainer, message: string): void {
  run.report({ type: 'Normal', reason: 'Pulled', message, container });
}

async function pull(run: PodRun, container: NamedContainer, image: string): Promise<string> {
  const { images, clock } = run.dependencies;
  run.report({ type: 'Normal', reason: 'Pulling', message: `Pulling image "${image}"`, container });
  const startedMs = clock.monotonicMs();
  const auth: RegistryAuth | undefined = await registryAuthFor(run, image);
  const imageId = await images.pullImage(image, auth);
  const took = toGoMillis(clock.monotonicMs() - startedMs);
  const sizeBytes = (await images.imageStatus(image))?.sizeBytes ?? 0;
  report(
    run,
    container,
    `Successfully pulled image "${image}" in ${took} (${took} including waiting). Image size: ${sizeBytes} bytes.`,
  );
  return imageId;
}

/** As Go prints a duration to the millisecond: `87ms`, `1.204s`. */
function toGoMillis(ms: number): string {
  return ms < 1000 ? `${Math.round(ms)}ms` : `${(ms / 1000).toFixed(3).replace(/\.?0+$/, '')}s`;
}

function refuse(run: PodRun, container: NamedContainer, attempt: number): void {
  const message = `Container image "${container.spec.image}" is not present with pull policy of Never`;
  run.report({ type: 'Warning', reason: 'ErrImageNeverPull', message, container });
  run.report({ type: 'Warning', reason: 'Failed', message: 'Error: ErrImageNeverPull', container });
  remember(run, container, attempt, { reason: 'ErrImageNeverPull', message, isAnnounced: true });
}

function fail(run: PodRun, container: NamedContainer, attempt: number, error: unknown): void {
  const image = container.spec.image ?? '';
  if (codeOf(error) === 'IMAGE_INVALID_NAME') {
    const message = `Failed to apply default image tag "${image}": couldn't parse image name "${image}": invalid reference format`;
    run.report({ type: 'Warning', reason: 'InspectFailed', message, container });
    run.report({ type: 'Warning', reason: 'Failed', message: 'Error: InvalidImageName', container });
    remember(run, container, attempt, { reason: 'InvalidImageName', message, isAnnounced: true });
    return;
  }
  const message = `Failed to pull image "${image}": ${messageOf(error)}`;
  run.report({ type: 'Warning', reason: 'Failed', message, container });
  run.report({ type: 'Warning', reason: 'Failed', message: 'Error: ErrImagePull', container });
  remember(run, container, attempt, {
    reason: 'ErrImagePull',
    message: messageOf(error),
    isAnnounced: false,
  });
}

function remember(
  run: PodRun,
  container: NamedContainer,
  attempt: number,
  failure: { readonly reason: string; readonly message: string; readonly isAnnounced: boolean },
): void {
  const { name } = container.spec;
  const previous = run.memory.images.get(name);
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
  run.memory.images.set(name, fact);
}

export async function announceImageBackoff(
  { container: name }: Extract<Step, { kind: 'announceImageBackoff' }>,
  run: PodRun,
): Promise<void> {
  const fact = run.memory.images.get(name);
  const container = containerNamed(run.pod, name);
  if (fact?.state !== 'failed' || container === undefined) return;
  const message = `Back-off pulling image "${container.spec.image}"`;
  run.report({ type: 'Normal', reason: 'BackOff', message, container });
  run.report({ type: 'Warning', reason: 'Failed', message: 'Error: ImagePullBackOff', container });
  run.memory.images.set(name, {
    ...fact,
    reason: 'ImagePullBackOff',
    message: `${message}: ErrImagePull: ${fact.message}`,
    isAnnounced: true,
  });
}
