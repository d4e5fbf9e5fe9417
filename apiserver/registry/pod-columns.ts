import type { Container, ContainerState, ContainerStatus, Pod } from '../../api/generated/core-v1.ts';
import { describe } from './column-descriptions.ts';
import { ageColumn, column, formatAge, nameColumn, wide } from './columns.ts';
import type { KindColumn } from './kind-rules.ts';

interface PodSummary {
  readonly reason: string;
  readonly ready: number;
  readonly total: number;
  readonly restarts: number;
  /** Empty when no container was restarted. */
  readonly lastRestart: string;
}

interface Count {
  reason: string;
  ready: number;
  restarts: number;
  lastRestart: string;
}

const isSidecar = (container: Container | undefined): boolean => container?.restartPolicy === 'Always';

function countRestarts(count: Count, status: ContainerStatus): void {
  count.restarts += status.restartCount ?? 0;
  const finished = status.lastState?.terminated?.finishedAt ?? '';
  if (finished > count.lastRestart) count.lastRestart = finished;
}

function terminationReason(state: NonNullable<ContainerState['terminated']>): string {
  if ((state.reason ?? '') !== '') return state.reason ?? '';
  return (state.signal ?? 0) !== 0 ? `Signal:${state.signal}` : `ExitCode:${state.exitCode}`;
}

/** Goes through the init containers up to the first that is not done. True while one is not. */
function countInit(pod: Pod, count: Count): boolean {
  const specs = new Map((pod.spec.initContainers ?? []).map((container) => [container.name, container]));
  for (const [index, status] of (pod.status?.initContainerStatuses ?? []).entries()) {
    countRestarts(count, status);
    const { terminated, waiting } = status.state ?? {};
    if (terminated?.exitCode === 0) continue;
    if (isSidecar(specs.get(status.name)) && status.started === true) {
      if (status.ready) count.ready++;
      continue;
    }
    if (terminated !== undefined) count.reason = `Init:${terminationReason(terminated)}`;
    else if ((waiting?.reason ?? '') !== '' && waiting?.reason !== 'PodInitializing')
      count.reason = `Init:${waiting?.reason}`;
    else count.reason = `Init:${index}/${specs.size}`;
    return true;
  }
  return false;
}

/** The last container in the list that has something to say gives the pod its reason. */
function countContainers(pod: Pod, count: Count): void {
  let running = false;
  for (const status of [...(pod.status?.containerStatuses ?? [])].reverse()) {
    countRestarts(count, status);
    const { terminated, waiting, running: state } = status.state ?? {};
    if ((waiting?.reason ?? '') !== '') count.reason = waiting?.reason ?? '';
    else if (terminated !== undefined) count.reason = terminationReason(terminated);
    else if (status.ready && state !== undefined) {
      running = true;
      count.ready++;
    }
  }
  if (count.reason === 'Completed' && running)
    count.reason = hasCondition(pod, 'Ready') ? 'Running' : 'NotReady';
}

const hasCondition = (pod: Pod, type: string): boolean =>
  (pod.status?.conditions ?? []).some((condition) => condition.type === type && condition.status === 'True');

const isGated = (pod: Pod): boolean =>
  (pod.status?.conditions ?? []).some(
    (condition) => condition.type === 'PodScheduled' && condition.reason === 'SchedulingGated',
  );

/** Ready, status and restarts of a pod in one line. */
export function summarizePod(pod: Pod): PodSummary {
  const status = pod.status;
  const phase = status?.phase ?? '';
  const count: Count = {
    reason: (status?.reason ?? '') !== '' ? (status?.reason ?? '') : phase,
    ready: 0,
    restarts: 0,
    lastRestart: '',
  };
  if (isGated(pod)) count.reason = 'SchedulingGated';
  const sidecars = new Set((pod.spec.initContainers ?? []).filter(isSidecar).map(({ name }) => name));
  const initializing = countInit(pod, count);
  if (!initializing || hasCondition(pod, 'Initialized')) {
    count.restarts = 0;
    count.lastRestart = '';
    for (const init of status?.initContainerStatuses ?? [])
      if (sidecars.has(init.name)) countRestarts(count, init);
    countContainers(pod, count);
  }
  if (pod.metadata.deletionTimestamp !== undefined) {
    if (status?.reason === 'NodeLost') count.reason = 'Unknown';
    else if (phase !== 'Succeeded' && phase !== 'Failed') count.reason = 'Terminating';
  }
  return { ...count, total: (pod.spec.containers ?? []).length + sidecars.size };
}

function restartsText(pod: Pod, nowMs: number): string {
  const { restarts, lastRestart } = summarizePod(pod);
  return restarts > 0 && lastRestart !== ''
    ? `${restarts} (${formatAge(lastRestart, nowMs)} ago)`
    : `${restarts}`;
}

function readinessGates(pod: Pod): string {
  const gates = pod.spec.readinessGates ?? [];
  if (gates.length === 0) return '<none>';
  const met = gates.filter((gate) => hasCondition(pod, gate.conditionType)).length;
  return `${met}/${gates.length}`;
}

const orNone = (text: string | undefined): string => (text === undefined || text === '' ? '<none>' : text);
const about = (name: string): string => describe('Pod', name);

export const podColumns: readonly KindColumn<Pod>[] = [
  nameColumn,
  column('Ready', about('Ready'), (pod) => {
    const { ready, total } = summarizePod(pod);
    return `${ready}/${total}`;
  }),
  column('Status', about('Status'), (pod) => summarizePod(pod).reason),
  column('Restarts', about('Restarts'), restartsText),
  ageColumn,
  wide(column('IP', about('IP'), (pod) => orNone(pod.status?.podIPs?.[0]?.ip ?? pod.status?.podIP))),
  wide(column('Node', about('Node'), (pod) => orNone(pod.spec.nodeName))),
  wide(column('Nominated Node', about('Nominated Node'), (pod) => orNone(pod.status?.nominatedNodeName))),
  wide(column('Readiness Gates', about('Readiness Gates'), readinessGates)),
];
