/**
 * Starts containers through conmon, which outlives the agent, keeps the container's streams, writes its log and, when
 * it ends, its exit code into a file.
 *
 * conmon reads a byte from the start pipe before it does anything (the time to put it into a cgroup) and writes one
 * JSON line to the sync pipe when the container exists: `{"pid":N}`, or `{"pid":-1,"message":"..."}`.
 *
 * @see conmon(8), and `conmon.c` for both pipes
 */
import { type ChildProcess, spawn } from 'node:child_process';
import type { Duplex } from 'node:stream';

const startPipeFd = 3;
const syncPipeFd = 4;
/** Longest line of the sync pipe; an error message of crun is some hundred bytes. */
const maxSyncBytes = 64 * 1024;

export interface ConmonOptions {
  readonly conmonPath: string;
  readonly crunPath: string;
  readonly crunRoot: string;
  readonly containerId: string;
  readonly name: string;
  /** Holds `config.json`; conmon puts `ctl`, `attach` and `winsz` here. */
  readonly bundleDir: string;
  readonly exitDir: string;
  readonly logFile: string;
  readonly tty: boolean;
  readonly stdin: boolean;
  /** Keep the container's stdin open when an attached client goes. */
  readonly leaveStdinOpen: boolean;
  /** Called with conmon's first pid before it goes on. */
  readonly onSpawn: (pid: number) => Promise<void>;
}

/** The runtime refused to make the container. Code `CONTAINER_CREATE`. */
export class ContainerCreateError extends Error {
  readonly code = 'CONTAINER_CREATE';
}

/** Makes the container, up to the point where its process waits to be started, and gives that process's pid. */
export async function createWithConmon(options: ConmonOptions): Promise<number> {
  const child = spawn(options.conmonPath, conmonArguments(options), {
    stdio: ['ignore', 'ignore', 'ignore', 'pipe', 'pipe'],
    cwd: options.bundleDir,
    detached: true,
    env: {
      PATH: '/usr/sbin:/usr/bin:/sbin:/bin',
      _OCI_STARTPIPE: String(startPipeFd),
      _OCI_SYNCPIPE: String(syncPipeFd),
    },
  });
  const line = readSyncLine(child);
  const startPipe = pipeOf(child, startPipeFd);
  // EPIPE: conmon has ended already, which the sync pipe tells as well.
  startPipe.on('error', () => undefined);
  if (child.pid !== undefined) await options.onSpawn(child.pid);
  startPipe.end('\0');
  return parseSyncLine(await line);
}

export function conmonArguments(options: Omit<ConmonOptions, 'onSpawn' | 'conmonPath'>): string[] {
  return [
    ...['--cid', options.containerId, '--cuuid', options.containerId, '--name', options.name],
    ...['--runtime', options.crunPath, `--runtime-arg=--root=${options.crunRoot}`],
    '--runtime-arg=--cgroup-manager=cgroupfs',
    ...['--bundle', options.bundleDir, '--container-pidfile', `${options.bundleDir}/pid`],
    ...['--conmon-pidfile', `${options.bundleDir}/conmon.pid`, '--full-attach'],
    ...['--exit-dir', options.exitDir, '--log-path', `k8s-file:${options.logFile}`, '--no-sync-log'],
    ...(options.tty ? ['--terminal'] : []),
    ...(options.stdin ? ['--stdin'] : []),
    ...(options.leaveStdinOpen ? ['--leave-stdin-open'] : []),
  ];
}

/** @throws ContainerCreateError with what the runtime said. */
export function parseSyncLine(line: string): number {
  let report: unknown;
  try {
    report = JSON.parse(line);
  } catch (error) {
    throw new ContainerCreateError(`conmon ended without a report: ${JSON.stringify(line)}`, {
      cause: error,
    });
  }
  const { pid, message } = report as { readonly pid?: unknown; readonly message?: unknown };
  if (typeof pid === 'number' && pid > 0) return pid;
  throw new ContainerCreateError(typeof message === 'string' ? runtimeMessage(message) : line);
}

/** crun's own words: conmon passes on the log line with its time and level, or JSON. */
function runtimeMessage(message: string): string {
  return message.replace(/^\d{4}-\d\d-\d\dT\S+: /, '').trim();
}

function readSyncLine(child: ChildProcess): Promise<string> {
  const pipe = pipeOf(child, syncPipeFd);
  return new Promise((resolve, reject) => {
    let text = '';
    const finish = (): void => {
      pipe.destroy();
      resolve(text.split('\n', 1)[0] ?? '');
    };
    pipe.setEncoding('utf8');
    pipe.on('data', (chunk: string) => {
      text += chunk;
      if (text.includes('\n') || text.length > maxSyncBytes) finish();
    });
    pipe.once('end', finish);
    pipe.once('error', reject);
    child.once('error', reject);
  });
}

function pipeOf(child: ChildProcess, fd: number): Duplex {
  return child.stdio[fd] as Duplex;
}
