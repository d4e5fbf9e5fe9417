/**
 * Reads the log of one container instance, over rotated files, and follows it until the instance has ended. A file that
 * is rotated away while it is read is read to its end by its open handle, then the new one is begun.
 */
import { watch } from 'node:fs';
import type { FileHandle } from 'node:fs/promises';
import { dirname } from 'node:path';
import { type Clock, delay } from '../../base/clock.ts';
import { codeOf } from '../../base/invariant.ts';
import { isReplaced, type OpenLog, openLog, openNext, tailPosition } from './log-files.ts';
import { parseLogLine, renderLogLine } from './log-line.ts';
import type { LogQuery } from './log-query.ts';

const blockBytes = 64 * 1024;
const maxLineBytes = 1024 * 1024;
/** In case that a change of the file is not told of. */
const followPollMs = 1_000;
const newline = 0x0a;

export interface LogRequest {
  readonly logPath: string;
  readonly query: LogQuery;
  /** Whether more may still be written. */
  readonly isRunning: () => Promise<boolean>;
  readonly clock: Clock;
  readonly signal: AbortSignal;
}

export async function* readLog(request: LogRequest): AsyncGenerator<Buffer> {
  let left = request.query.limitBytes ?? Number.POSITIVE_INFINITY;
  for await (const chunk of selectedLines(request)) {
    if (left <= 0) return;
    yield chunk.length > left ? chunk.subarray(0, left) : chunk;
    left -= chunk.length;
  }
}

async function* selectedLines(request: LogRequest): AsyncGenerator<Buffer> {
  for await (const lines of rawLines(request)) {
    const rendered = lines.flatMap((line) => {
      const parsed = parseLogLine(line);
      return parsed === undefined ? [] : [renderLogLine(parsed, request.query)];
    });
    const chunk = Buffer.concat(rendered);
    if (chunk.length > 0) yield chunk;
  }
}

async function* rawLines(request: LogRequest): AsyncGenerator<Buffer[]> {
  const { logPath, query, signal, clock } = request;
  const { tailLines } = query;
  const start = tailLines === undefined ? undefined : await tailPosition(logPath, tailLines);
  const changes = new FileChanges(dirname(logPath), clock);
  let log: OpenLog | undefined;
  try {
    while (!signal.aborted) {
      const mayGrow = query.follow && (await request.isRunning());
      log ??= await openLog(
        logPath,
        (files) => files.find(({ inode }) => inode === start?.inode) ?? files[0],
      );
      if (log !== undefined) {
        yield* linesFrom(request, log, changes, log.inode === start?.inode ? start.offset : 0);
        return;
      }
      if (!mayGrow) return;
      await changes.next(signal);
    }
  } finally {
    changes.close();
  }
}

/** Lines of this file and all that come after it. */
async function* linesFrom(
  request: LogRequest,
  first: OpenLog,
  changes: FileChanges,
  firstOffset: number,
): AsyncGenerator<Buffer[]> {
  let offset = firstOffset;
  for (let log: OpenLog | undefined = first; log !== undefined; offset = 0)
    log = yield* linesOfOne(request, log, changes, offset);
}

/** Closes the file. @returns the next one; undefined at the end of the log */
async function* linesOfOne(
  { logPath, query, signal, isRunning }: LogRequest,
  { handle, inode }: OpenLog,
  changes: FileChanges,
  offset: number,
): AsyncGenerator<Buffer[], OpenLog | undefined> {
  const cursor = new LineCursor(handle, offset);
  try {
    while (!signal.aborted) {
      const mayGrow = query.follow && (await isRunning());
      // Only when another file has taken its place is this one no longer written; being moved aside says nothing.
      const isComplete = !mayGrow || (await isReplaced(logPath, inode));
      yield* cursor.rest(signal);
      if (isComplete) return await openNext(logPath, inode);
      await changes.next(signal);
    }
    return undefined;
  } finally {
    await handle.close();
  }
}

class LineCursor {
  readonly #handle: FileHandle;
  #offset: number;
  #rest: Buffer = Buffer.alloc(0);

  constructor(handle: FileHandle, offset: number) {
    this.#handle = handle;
    this.#offset = offset;
  }

  /** Whole lines up to the present end of the file. */
  async *rest(signal: AbortSignal): AsyncGenerator<Buffer[]> {
    while (!signal.aborted) {
      const { bytesRead, buffer } = await this.#handle.read({
        buffer: Buffer.allocUnsafe(blockBytes),
        position: this.#offset,
      });
      if (bytesRead === 0) return;
      this.#offset += bytesRead;
      const lines = this.#split(Buffer.concat([this.#rest, buffer.subarray(0, bytesRead)]));
      if (lines.length > 0) yield lines;
    }
  }

  #split(text: Buffer): Buffer[] {
    const lines: Buffer[] = [];
    let start = 0;
    for (let end = text.indexOf(newline); end >= 0; end = text.indexOf(newline, start)) {
      lines.push(text.subarray(start, end));
      start = end + 1;
    }
    // No writer of CRI logs makes lines as long as this one: drop it rather than hold it.
    this.#rest = text.length - start > maxLineBytes ? Buffer.alloc(0) : text.subarray(start);
    return lines;
  }
}

/** Tells that something in a directory may have changed. */
class FileChanges {
  readonly #directory: string;
  readonly #clock: Clock;
  #watcher: ReturnType<typeof watch> | undefined;
  #changed = false;
  #wake: (() => void) | undefined;

  constructor(directory: string, clock: Clock) {
    this.#directory = directory;
    this.#clock = clock;
  }

  /** May return without a change. */
  async next(signal: AbortSignal): Promise<void> {
    // What changed before it was watched is not told of.
    if (this.#watcher === undefined && this.#beginWatching()) return;
    if (!this.#changed) {
      const woken = new AbortController();
      this.#wake = () => woken.abort();
      await delay(this.#clock, followPollMs, AbortSignal.any([signal, woken.signal]));
      this.#wake = undefined;
    }
    this.#changed = false;
  }

  close(): void {
    this.#watcher?.close();
  }

  #beginWatching(): boolean {
    try {
      this.#watcher = watch(this.#directory, () => {
        this.#changed = true;
        this.#wake?.();
      });
    } catch (error) {
      // Nothing was ever logged.
      if (codeOf(error) === 'ENOENT') return false;
      throw error;
    }
    // The directory may go with its pod; the poll then finds out.
    this.#watcher.on('error', () => undefined);
    return true;
  }
}
