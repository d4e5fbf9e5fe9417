import { readFile } from 'node:fs/promises';
import { type Clock, delay } from './clock.ts';
import type { Logger } from './logger.ts';

/** How soon a changed file is noticed. */
const periodMs = 10_000;

export interface Followed<Value> {
  /** What the log calls it. */
  readonly what: string;
  /** What was read before this began. */
  readonly known: Value;
  read(): Promise<Value>;
  isSame(a: Value, b: Value): boolean;
  take(value: Value): void | Promise<void>;
  readonly clock: Clock;
  readonly logger: Logger;
}

/**
 * Reads something again and again, and hands it over whenever it has changed: certificates that are renewed in place.
 * What cannot be read, or what `take` refuses, changes nothing and is tried again: whoever renews several files writes
 * them one after the other. Until `signal` aborts.
 */
export async function follow<Value>(followed: Followed<Value>, signal: AbortSignal): Promise<void> {
  const { what, clock, logger } = followed;
  let known = followed.known;
  while (!signal.aborted) {
    await delay(clock, periodMs, signal);
    if (signal.aborted) return;
    try {
      const value = await followed.read();
      if (followed.isSame(value, known)) continue;
      await followed.take(value);
      known = value;
      logger.info({ what }, 'took what has changed');
    } catch (error) {
      logger.warn({ err: error, what }, 'take what has changed');
    }
  }
}

/** As `follow`, of small text files; `take` gets their contents in the order of `paths`. */
export async function followFiles(
  files: Pick<Followed<readonly string[]>, 'what' | 'known' | 'take' | 'clock' | 'logger'> & {
    readonly paths: readonly string[];
  },
  signal: AbortSignal,
): Promise<void> {
  const isSame = (a: readonly string[], b: readonly string[]): boolean =>
    a.every((text, at) => text === b[at]);
  await follow({ ...files, read: () => readTexts(files.paths), isSame }, signal);
}

/** As UTF-8, in the order of `paths`. */
export function readTexts(paths: readonly string[]): Promise<string[]> {
  return Promise.all(paths.map((path) => readFile(path, 'utf8')));
}
