import type { Pod } from '../../api/generated/core-v1.ts';
import { pods } from '../../api/generated/resources.ts';
import { isConflict, isNotFound } from '../../api/status-error.ts';
import { systemClock, toTime } from '../../base/clock.ts';
import { silentLogger } from '../../base/logger.ts';
import { systemRandom } from '../../base/random.ts';
import type { ApiClient } from '../../client/client.ts';
import { Informer } from '../../client/informer.ts';

/** Ends pods that a hollow agent has reported Running: `exitCodeOf` says how, or undefined to let one go on. */
export function endPods(
  client: ApiClient,
  exitCodeOf: (pod: Pod) => number | undefined,
  signal: AbortSignal,
): Promise<void> {
  const informer = new Informer<Pod>({
    ...{ client, type: pods, clock: systemClock, random: systemRandom, logger: silentLogger },
  });
  const end = (pod: Pod): void => {
    if (pod.status?.phase !== 'Running' || pod.metadata.deletionTimestamp !== undefined) return;
    const exitCode = exitCodeOf(pod);
    if (exitCode === undefined) return;
    reportEnd(client, pod, exitCode).catch((error: unknown) => {
      if (!isNotFound(error) && !isConflict(error)) throw error;
    });
  };
  informer.addHandler({ onAdd: end, onUpdate: (_previous, pod) => end(pod) });
  return informer.run(signal);
}

/** As an agent reports that the containers of `pod` have ended with `exitCode`. */
export async function reportEnd(client: ApiClient, pod: Pod, exitCode: number): Promise<void> {
  const now = toTime(systemClock.nowMs());
  const terminated = { exitCode, reason: exitCode === 0 ? 'Completed' : 'Error', finishedAt: now };
  const status = {
    phase: exitCode === 0 ? 'Succeeded' : 'Failed',
    conditions: [{ type: 'Ready', status: 'False', lastTransitionTime: now, reason: 'PodCompleted' }],
    containerStatuses: pod.spec.containers.map(({ name, image = '' }) => ({
      ...{ name, image, imageID: '', ready: false, restartCount: 0, state: { terminated } },
    })),
  };
  await client.patch(
    pods,
    pod.metadata,
    { type: 'merge', body: { metadata: { uid: pod.metadata.uid }, status } },
    { subresource: 'status' },
  );
}
