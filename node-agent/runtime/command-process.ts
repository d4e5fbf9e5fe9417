import { readFile } from 'node:fs/promises';
import { type Clock, delay } from '../../base/clock.ts';
import { codeOf } from '../../base/invariant.ts';
import type { Logger } from '../../base/logger.ts';
import { runCommand } from './command.ts';

const startPollMs = 10;
/** A terminal that has just been made may not be the command's yet. */
const resizeAttempts = 20;

export interface CommandProcessOptions {
  readonly pidFile: string;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Settles when the command has ended, however. */
  readonly exit: Promise<unknown>;
}

/**
 * The process of a command that crun starts in a container. What is asked of it before crun has written its pid is done
 * as soon as there is one.
 */
export class CommandProcess {
  readonly #options: CommandProcessOptions;
  #hasEnded = false;
  #size: { readonly rows: number; readonly columns: number } | undefined;
  #isResizing = false;

  constructor(options: CommandProcessOptions) {
    this.#options = options;
    const end = (): void => {
      this.#hasEnded = true;
    };
    options.exit.then(end, end);
  }

  /** Killing crun alone would leave the command behind, so the command is killed and crun ends with it. */
  kill(): void {
    this.#pid()
      .then((pid) => {
        if (pid !== undefined) process.kill(pid, 'SIGKILL');
      })
      .catch((error: unknown) => {
        if (codeOf(error) !== 'ESRCH') this.#options.logger.warn({ err: error }, 'kill a command');
      });
  }

  /** The newest size wins. `stty` opens the terminal through the command's own descriptor. */
  resize(rows: number, columns: number): void {
    this.#size = { rows, columns };
    if (this.#isResizing) return;
    this.#isResizing = true;
    this.#applySizes()
      .catch((error: unknown) => this.#options.logger.warn({ err: error }, 'resize a terminal'))
      .finally(() => {
        this.#isResizing = false;
      });
  }

  async #applySizes(): Promise<void> {
    const pid = await this.#pid();
    for (let attempt = 0; attempt < resizeAttempts && pid !== undefined && !this.#hasEnded; attempt += 1) {
      const size = this.#size;
      if (size === undefined) return;
      const words = ['rows', String(size.rows), 'cols', String(size.columns)];
      const { exitCode } = await runCommand('stty', ['-F', `/proc/${pid}/fd/0`, ...words]);
      if (exitCode !== 0) await delay(this.#options.clock, startPollMs);
      else if (this.#size === size) this.#size = undefined;
    }
  }

  /** Undefined when the command has ended without one. */
  async #pid(): Promise<number | undefined> {
    while (!this.#hasEnded) {
      const pid = Number(await readPidFile(this.#options.pidFile));
      // The file is there a moment before its content.
      if (pid > 0) return pid;
      await delay(this.#options.clock, startPollMs);
    }
    return undefined;
  }
}

async function readPidFile(path: string): Promise<string> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return '';
    throw error;
  }
}
