/**
 * Lines into a file that is put aside when it is full. Writing is in the background and in order; what waits to be
 * written is bounded, and what does not fit or cannot be written is counted and told of, so that a slow or full disk slows nobody's request.
 *
 * INVARIANTS: a file holds whole lines only, also after a write that the disk took a part of; none grows beyond `maxBytes`, but for a line that is longer by itself.
 */
import { type FileHandle, mkdir, open, readdir, rename, stat, unlink } from 'node:fs/promises';
import { basename, dirname, extname, join } from 'node:path';
import type { Clock } from '../../base/clock.ts';
import { invariant } from '../../base/invariant.ts';
import type { Logger } from '../../base/logger.ts';

const maxWaitingBytes = 16 * 1024 * 1024;
const dayMs = 86_400_000;

export interface RotatingFileOptions {
  readonly path: string;
  /** A file is put aside before it grows beyond. */
  readonly maxBytes: number;
  /** Files put aside that are kept; 0: all. */
  readonly maxBackups: number;
  /** Days that they are kept; 0: for ever. */
  readonly maxAgeDays: number;
  readonly clock: Clock;
  readonly logger: Logger;
}

export class RotatingFile {
  readonly #options: RotatingFileOptions;
  #waiting: string[] = [];
  #waitingBytes = 0;
  #file: FileHandle | undefined;
  #size = 0;
  #writing: Promise<void> | undefined;
  /** When the run of losses that goes on began: `lost` as it was. */
  #losingSince: number | undefined;
  /** Lines that were dropped for want of room, or could not be written. */
  lost = 0;

  constructor(options: RotatingFileOptions) {
    this.#options = options;
  }

  /** @param line without its newline */
  append(line: string): void {
    const bytes = Buffer.byteLength(line) + 1;
    if (this.#waitingBytes + bytes > maxWaitingBytes) {
      this.#lose(1, 'drop audit events: the log is slower than the requests');
      return;
    }
    this.#waiting.push(line);
    this.#waitingBytes += bytes;
    this.#writing ??= this.#write();
  }

  /** Resolves when all that was appended is written. */
  async close(): Promise<void> {
    await this.#writing;
    await this.#file?.close();
    this.#file = undefined;
  }

  async #write(): Promise<void> {
    // Lines that come in the same turn go together.
    await Promise.resolve();
    while (this.#waiting.length > 0) {
      const lines = this.#waiting;
      this.#waiting = [];
      await this.#putAll(lines);
      this.#waitingBytes = this.#waiting.reduce((sum, line) => sum + Buffer.byteLength(line) + 1, 0);
    }
    this.#writing = undefined;
  }

  async #putAll(lines: readonly string[]): Promise<void> {
    let written = 0;
    try {
      while (written < lines.length) {
        this.#file ??= await this.#open();
        const room = this.#options.maxBytes - this.#size;
        const fitting = linesThatFit(lines, written, room);
        if (fitting === 0 && this.#size > 0) {
          await this.#rotate();
          continue;
        }
        const next = written + Math.max(1, fitting);
        await this.#put(Buffer.from(`${lines.slice(written, next).join('\n')}\n`));
        written = next;
      }
      this.#recovered();
    } catch (error) {
      this.#lose(lines.length - written, 'write the audit log', error);
      await this.#abandon();
    }
  }

  /** All of it or nothing. */
  async #put(bytes: Buffer): Promise<void> {
    const file = this.#file;
    invariant(file !== undefined, 'the file is open');
    try {
      for (let at = 0; at < bytes.length; ) at += (await file.write(bytes, at)).bytesWritten;
    } catch (error) {
      await this.#takeBack(file);
      throw error;
    }
    this.#size += bytes.length;
  }

  async #takeBack(file: FileHandle): Promise<void> {
    try {
      await file.truncate(this.#size);
    } catch (error) {
      // A device, or a disk that is gone: the line that is cut stays, and the reader sees that it is.
      this.#options.logger.debug({ err: error }, 'take a cut line of the audit log back');
    }
  }

  async #open(): Promise<FileHandle> {
    const { path } = this.#options;
    await mkdir(dirname(path), { recursive: true });
    const file = await open(path, 'a', 0o600);
    this.#size = (await file.stat()).size;
    return file;
  }

  async #rotate(): Promise<void> {
    const { path, clock } = this.#options;
    await this.#file?.close();
    this.#file = undefined;
    const stamp = new Date(clock.nowMs()).toISOString().replaceAll(':', '-').replace('Z', '');
    await rename(path, join(dirname(path), `${this.#stem}-${stamp}${extname(path)}`));
    await this.#prune();
    this.#file = await this.#open();
  }

  get #stem(): string {
    return basename(this.#options.path, extname(this.#options.path));
  }

  async #prune(): Promise<void> {
    const { path, maxBackups, maxAgeDays, clock } = this.#options;
    const directory = dirname(path);
    const isBackup = (name: string): boolean =>
      name.startsWith(`${this.#stem}-`) && extname(name) === extname(path);
    const newestFirst = (await readdir(directory)).filter(isBackup).sort().reverse();
    const oldestMs = maxAgeDays === 0 ? 0 : clock.nowMs() - maxAgeDays * dayMs;
    for (const [at, name] of newestFirst.entries()) {
      const file = join(directory, name);
      const isOld = (await stat(file)).mtimeMs < oldestMs;
      if (isOld || (maxBackups > 0 && at >= maxBackups)) await unlink(file);
    }
  }

  async #abandon(): Promise<void> {
    const file = this.#file;
    this.#file = undefined;
    try {
      await file?.close();
    } catch (error) {
      // What was wrong with the file was told already; the next write opens it anew.
      this.#options.logger.debug({ err: error }, 'close the audit log');
    }
  }

  #lose(lines: number, what: string, error?: unknown): void {
    // Once per run of losses is enough to know; the number stands in the metrics.
    if (this.#losingSince === undefined) {
      this.#losingSince = this.lost;
      this.#options.logger.error({ err: error, path: this.#options.path }, what);
    }
    this.lost += lines;
  }

  #recovered(): void {
    if (this.#losingSince === undefined) return;
    const events = this.lost - this.#losingSince;
    this.#losingSince = undefined;
    this.#options.logger.warn({ events, path: this.#options.path }, 'the audit log is written again');
  }
}

/** How many of `lines` from `from` on fit into `room` bytes. */
function linesThatFit(lines: readonly string[], from: number, room: number): number {
  let bytes = 0;
  for (let at = from; at < lines.length; at += 1) {
    bytes += Buffer.byteLength(lines[at] ?? '') + 1;
    if (bytes > room) return at - from;
  }
  return lines.length - from;
}
