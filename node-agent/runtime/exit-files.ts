/**
 * Exits as events. conmon writes the exit code of a container into `<directory>/<container id>`, with the time of the
 * exit as the file's time; inotify tells at once, and a scan at the start finds those of the time before.
 */
import { watch } from 'node:fs';
import { mkdir, readdir, readFile, rm, stat } from 'node:fs/promises';
import { codeOf } from '../../base/invariant.ts';

export interface ExitFile {
  readonly containerId: string;
  readonly exitCode: number;
  readonly finishedAtMs: number;
}

export class ExitFiles {
  readonly #directory: string;

  constructor(directory: string) {
    this.#directory = directory;
  }

  /** Undefined when conmon has not written it. */
  async read(containerId: string): Promise<ExitFile | undefined> {
    const path = `${this.#directory}/${containerId}`;
    try {
      const [text, info] = await Promise.all([readFile(path, 'utf8'), stat(path)]);
      if (!/^\d+$/.test(text.trim())) return undefined;
      return { containerId, exitCode: Number(text), finishedAtMs: Math.floor(info.mtimeMs) };
    } catch (error) {
      if (codeOf(error) === 'ENOENT') return undefined;
      throw error;
    }
  }

  async forget(containerId: string): Promise<void> {
    await rm(`${this.#directory}/${containerId}`, { force: true });
  }

  /** Names each container that has an exit file, now and from now on, until `signal` aborts. May name one twice. */
  async run(signal: AbortSignal, onExit: (containerId: string) => void): Promise<void> {
    await mkdir(this.#directory, { recursive: true });
    const watcher = watch(this.#directory, { signal });
    const ended = new Promise<void>((resolve, reject) => {
      watcher.on('change', (_event, name) => {
        // conmon writes a temporary file `<id>.XXXXXX` and renames it.
        if (typeof name === 'string' && !name.includes('.')) onExit(name);
      });
      watcher.once('error', reject);
      watcher.once('close', resolve);
    });
    for (const name of await readdir(this.#directory)) if (!name.includes('.')) onExit(name);
    await ended;
  }
}
