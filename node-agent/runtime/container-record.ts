import type { ProcessIdentity } from './live-process.ts';
import type { ContainerStatus } from './runtime.ts';

/** What is kept of a container on disk: what its status says, and what it takes to find it again. `logPath` is absolute. */
export interface ContainerRecord extends Omit<ContainerStatus, 'pid'> {
  readonly process: ProcessIdentity | undefined;
  readonly cgroupPath: string;
  readonly stopSignal: string;
  readonly tty: boolean;
  readonly stdin: boolean;
  readonly leaveStdinOpen: boolean;
  /** Its first process is not the first of its PID namespace, so the kernel does not end the others with it. */
  readonly sharesPidNamespace: boolean;
}

/** How a container ended. */
export interface ContainerEnd {
  readonly exitCode: number | undefined;
  readonly finishedAtMs: number;
  readonly oomKilled: boolean;
}

/** Exit code with which Kubernetes reports a container whose start the runtime refused. */
const startErrorExitCode = 128;

export function parseContainerRecord(value: unknown): ContainerRecord | undefined {
  const record = value as ContainerRecord | null;
  return typeof record?.id === 'string' && typeof record.sandboxId === 'string' ? record : undefined;
}

export function withEnd(record: ContainerRecord, end: ContainerEnd): ContainerRecord {
  return {
    ...record,
    state: 'exited',
    process: undefined,
    exitCode: end.exitCode,
    finishedAtMs: end.finishedAtMs,
    reason: reasonOf(end),
    message:
      end.exitCode === undefined
        ? 'The container could not be located when the pod was terminated'
        : record.message,
  };
}

export function withStartError(record: ContainerRecord, message: string, nowMs: number): ContainerRecord {
  return {
    ...record,
    state: 'exited',
    process: undefined,
    startedAtMs: undefined,
    finishedAtMs: nowMs,
    exitCode: startErrorExitCode,
    reason: 'StartError',
    message,
  };
}

function reasonOf(end: ContainerEnd): string {
  if (end.exitCode === undefined) return 'ContainerStatusUnknown';
  if (end.oomKilled) return 'OOMKilled';
  return end.exitCode === 0 ? 'Completed' : 'Error';
}

export function toContainerStatus(record: ContainerRecord): ContainerStatus {
  return {
    id: record.id,
    sandboxId: record.sandboxId,
    podUid: record.podUid,
    name: record.name,
    attempt: record.attempt,
    state: record.state,
    pid: record.process?.pid,
    createdAtMs: record.createdAtMs,
    startedAtMs: record.startedAtMs,
    finishedAtMs: record.finishedAtMs,
    exitCode: record.exitCode,
    reason: record.reason,
    message: record.message,
    image: record.image,
    imageId: record.imageId,
    user: record.user,
    logPath: record.logPath,
    annotations: record.annotations,
  };
}
