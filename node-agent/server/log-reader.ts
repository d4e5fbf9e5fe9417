/**
 * Reads the log of one container instance, over rotated files, and follows it until the instance has ended. A file that
 * is rotated away while it is read is read to its end by its open handle, then the new one is begun.
 */
import { watch } from 'node:fs';
import type { FileHandle } from 'node:fs/promises';
import { dirname } from 'node:path';
import { type Clock, delay } from '../../base/clock.ts';
import { logFilesOf, openIfThere, tailPosition } from './log-files.ts';
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
  const files = await logFilesOf(request.logPath);
  const { tailLines } = request.query;
  const start = tailLines === undefined ? undefined : await tailPosition(files, tailLines);
  const begun = start === undefined ? files : files.slice(files.indexOf(start.file));
  for (const file of begun) {
    const offset = file === start?.file ? start.offset : 0;
    if (file !== request.logPath || !request.query.follow) yield* linesOfFile(file, offset, request.signal);
    else yield* followedLines(request, offset);
  }
}

async function* linesOfFile(file: string, offset: number, signal: AbortSignal): AsyncGenerator<Buffer[]> {
  const handle = await openIfThere(file);
  if (handle === undefined) return;
  try {
    yield* new LineCursor(handle, offset).rest(signal);
  } finally {
    await handle.close();
  }
}

async function* followedLines(request: LogRequest, firstOffset: number): AsyncGenerator<Buffer[]> {
  const { logPath, signal, clock } = request;
  let offset = firstOffset;
  while (!signal.aborted) {
    const handle = await openIfThere(logPath);
    if (handle === undefined) {
      if (!(await request.isRunning())) return;
      await delay(clock, followPollMs, signal);
      continue;
    }
    try {
      const cursor = new LineCursor(handle, offset);
      if (yield* followOne(request, handle, cursor)) return;
    } finally {
      await handle.close();
    }
    offset = 0;
  }
}

/** @returns true at the end of the log, false when another file has taken this one's place. */
async function* followOne(
  { logPath, signal, clock, isRunning }: LogRequest,
  handle: FileHandle,
  cursor: LineCursor,
): AsyncGenerator<Buffer[], boolean> {
  const changes = new FileChanges(dirname(logPath), clock);
  try {
    while (!signal.aborted) {
      const mayGrow = await isRunning();
      const isCurrent = await isSameFile(handle, logPath);
      yield* cursor.rest(signal);
      if (!isCurrent) return false;
      if (!mayGrow) return true;
      await changes.next(signal);
    }
    return true;
  } finally {
    changes.close();
  }
}

async function isSameFile(handle: FileHandle, path: string): Promise<boolean> {
  const current = await openIfThere(path);
  if (current === undefined) return false;
  try {
    const [own, other] = [await handle.stat(), await current.stat()];
    return own.ino === other.ino;
  } finally {
    await current.close();
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
  readonly #watcher: ReturnType<typeof watch>;
  readonly #clock: Clock;
  #changed = false;
  #wake: (() => void) | undefined;

  constructor(directory: string, clock: Clock) {
    this.#clock = clock;
    this.#watcher = watch(directory, () => {
      this.#changed = true;
      this.#wake?.();
    });
    // The directory may go with its pod; the poll below then finds out.
    this.#watcher.on('error', () => undefined);
  }

  async next(signal: AbortSignal): Promise<void> {
    if (!this.#changed) {
      const woken = new AbortController();
      this.#wake = () => woken.abort();
      await delay(this.#clock, followPollMs, AbortSignal.any([signal, woken.signal]));
      this.#wake = undefined;
    }
    this.#changed = false;
  }

  close(): void {
    this.#watcher.close();
  }
}
