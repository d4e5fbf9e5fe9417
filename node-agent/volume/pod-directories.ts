import { mkdir, open, readFile, rm, writeFile } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import type { Container, EphemeralContainer } from '../../api/generated/core-v1.ts';
import { codeOf } from '../../base/invariant.ts';
import type { ContainerStatus } from '../runtime/runtime.ts';
import { namesIn } from './directory-names.ts';

const maxMessageBytes = 4_096;
const maxFallbackBytes = 2_048;
const maxFallbackLines = 80;

/** The node's files of each pod, below `<root>/pods/<uid>`. */
export class PodDirectories {
  readonly #root: string;
  /** A tmpfs: what must never reach a disk. */
  readonly #memoryRoot: string;
  readonly #logRoot: string;

  constructor(options: { readonly rootDir: string; readonly runDir: string; readonly logRoot: string }) {
    this.#root = join(options.rootDir, 'pods');
    this.#memoryRoot = join(options.runDir, 'volumes');
    this.#logRoot = options.logRoot;
  }

  podDirectory(uid: string): string {
    return join(this.#root, uid);
  }

  volumeDirectory(uid: string, volume: string, medium: 'disk' | 'memory'): string {
    return medium === 'disk' ? join(this.#root, uid, 'volumes', volume) : join(this.#memoryRoot, uid, volume);
  }

  memoryDirectory(uid: string): string {
    return join(this.#memoryRoot, uid);
  }

  /** Empty, and writable for whatever user the container runs as. */
  async createTerminationFile(uid: string, container: string, attempt: number): Promise<string> {
    const path = this.#terminationFile(uid, container, attempt);
    await mkdir(dirname(path), { recursive: true });
    await writeFile(path, '', { mode: 0o666 });
    const file = await open(path, 'r+');
    try {
      await file.chmod(0o666);
    } finally {
      await file.close();
    }
    return path;
  }

  /** What an ended container wrote, or, where it asks for that, the end of its log after a failure. */
  async terminationMessage(
    status: ContainerStatus,
    container: Container | EphemeralContainer | undefined,
  ): Promise<string> {
    const path = this.#terminationFile(status.podUid, status.name, status.attempt);
    const written = (await readIfThere(path)).subarray(0, maxMessageBytes).toString();
    if (written !== '' || container?.terminationMessagePolicy !== 'FallbackToLogsOnError') return written;
    if (status.exitCode === 0) return '';
    const logPath = status.logPath.startsWith('/') ? status.logPath : join(this.#logRoot, status.logPath);
    return lastLogText(await readEnd(logPath, 4 * maxFallbackBytes));
  }

  /** Files of one instance: its last words, its log and what was rotated away from that. */
  async removeInstance({ podUid, name, attempt }: ContainerStatus, logPath: string): Promise<void> {
    await rm(this.#terminationFile(podUid, name, attempt), { force: true });
    const isOwn = (file: string): boolean =>
      file === basename(logPath) || file.startsWith(`${basename(logPath)}.`);
    for (const file of (await namesIn(dirname(logPath))).filter(isOwn))
      await rm(join(dirname(logPath), file), { force: true });
  }

  async remove(uid: string, logDirectory: string): Promise<void> {
    await rm(this.podDirectory(uid), { recursive: true, force: true });
    await rm(logDirectory, { recursive: true, force: true });
  }

  #terminationFile(uid: string, container: string, attempt: number): string {
    return join(this.#root, uid, 'containers', container, String(attempt));
  }
}

async function readIfThere(path: string): Promise<Buffer> {
  try {
    return await readFile(path);
  } catch (error) {
    // A container of another agent's making has none.
    if (codeOf(error) === 'ENOENT') return Buffer.alloc(0);
    throw error;
  }
}

async function readEnd(path: string, bytes: number): Promise<string> {
  try {
    await using file = await open(path);
    const { size } = await file.stat();
    const start = Math.max(0, size - bytes);
    const { buffer, bytesRead } = await file.read({ buffer: Buffer.alloc(size - start), position: start });
    return buffer.subarray(0, bytesRead).toString();
  } catch (error) {
    // A container that never wrote anything may have no log.
    if (codeOf(error) === 'ENOENT') return '';
    throw error;
  }
}

/** The text of log lines without their time and stream. A line that is marked as a part has no end of its own. */
export function lastLogText(log: string): string {
  return log
    .split('\n')
    .filter((line) => line !== '')
    .slice(-maxFallbackLines)
    .map((line) => {
      const [, , tag, ...text] = line.split(' ');
      return tag === 'P' ? text.join(' ') : `${text.join(' ')}\n`;
    })
    .join('')
    .slice(-maxFallbackBytes);
}
