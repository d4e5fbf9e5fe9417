import { containerNamed, containersOf } from '../pod/pod-spec.ts';
import type { PodWorker } from '../pod/pod-worker.ts';
import type { PodWorkers } from '../pod/pod-workers.ts';
import { instancesOf } from '../pod/restart-decision.ts';
import type { ContainerStatus } from '../runtime/runtime.ts';
import { RequestError } from './log-query.ts';

export interface PodPath {
  readonly namespace: string;
  readonly pod: string;
}

/** @throws RequestError 404 */
export function workerFor(workers: PodWorkers, { namespace, pod }: PodPath): PodWorker {
  const worker = workers.workerOf(namespace, pod);
  if (worker === undefined) throw new RequestError(404, `pod "${pod}" not found`);
  return worker;
}

/** The instance whose log is meant. @throws RequestError in the words of `kubectl logs`. */
export function instanceForLogs(worker: PodWorker, container: string, previous: boolean): ContainerStatus {
  const { name } = worker.pod.metadata;
  if (containerNamed(worker.pod, container) === undefined)
    throw new RequestError(400, `container "${container}" in pod "${name}" is not available`);
  const instances = instancesOf(worker.memory, container).filter(({ state }) => state !== 'created');
  const waiting = waitingReason(worker, container);
  const current = instances.at(-1);
  if (previous) {
    const ended = waiting === undefined ? instances.at(-2) : current;
    if (ended === undefined)
      throw new RequestError(400, `previous terminated container "${container}" in pod "${name}" not found`);
    return ended;
  }
  if (current === undefined)
    throw new RequestError(
      400,
      `container "${container}" in pod "${name}" is waiting to start: ${waiting ?? 'ContainerCreating'}`,
    );
  return current;
}

function waitingReason(worker: PodWorker, container: string): string | undefined {
  const { lastStatus } = worker.memory;
  const statuses = [
    ...(lastStatus?.containerStatuses ?? []),
    ...(lastStatus?.initContainerStatuses ?? []),
    ...(lastStatus?.ephemeralContainerStatuses ?? []),
  ];
  return statuses.find(({ name }) => name === container)?.state?.waiting?.reason;
}

/** The instance that runs now. @throws RequestError */
export function runningInstance(worker: PodWorker, container: string | undefined): ContainerStatus {
  const name = container ?? containersOf(worker.pod).find(({ role }) => role === 'main')?.spec.name ?? '';
  const running = instancesOf(worker.memory, name).findLast(({ state }) => state === 'running');
  if (running === undefined) throw new RequestError(404, `container not found ("${name}")`);
  return running;
}
