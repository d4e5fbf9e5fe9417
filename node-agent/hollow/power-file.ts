/**
 * Which nodes are dead or cut, asked for in `<dir>/wanted.json` (name -> power; who is missing is on) and confirmed in
 * `<dir>/applied.json`. A file, because it outlives this process and its restarts, and needs nobody to listen.
 */
import { existsSync, mkdirSync, readFileSync, renameSync, watch, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { messageOf } from '../../base/invariant.ts';
import type { Logger } from '../../base/logger.ts';
import type { Power } from './hollow-node.ts';

export type PowerTable = Readonly<Record<string, Power>>;

const wantedFile = 'wanted.json';
const appliedFile = 'applied.json';

export function readWanted(directory: string): PowerTable {
  return readTable(join(directory, wantedFile)) ?? {};
}

export function writeWanted(directory: string, table: PowerTable): void {
  mkdirSync(directory, { recursive: true });
  replace(join(directory, wantedFile), table);
}

/** Undefined when nothing has been applied yet. */
export function readApplied(directory: string): PowerTable | undefined {
  return readTable(join(directory, appliedFile));
}

/** Gives `apply` the wanted table at once and after every change, until `signal` aborts. */
export function followPower(
  directory: string,
  apply: (table: PowerTable) => void,
  logger: Logger,
  signal: AbortSignal,
): Promise<void> {
  mkdirSync(directory, { recursive: true });
  const read = (): void => {
    try {
      const table = readWanted(directory);
      apply(table);
      replace(join(directory, appliedFile), table);
    } catch (error) {
      logger.warn({ directory, reason: messageOf(error) }, 'read which nodes are on');
    }
  };
  return new Promise((resolve) => {
    if (signal.aborted) return resolve();
    const watcher = watch(directory, (_event, name) => {
      if (name === wantedFile) read();
    });
    watcher.on('error', (error) => logger.warn({ err: error }, 'watch which nodes are on'));
    signal.addEventListener(
      'abort',
      () => {
        watcher.close();
        resolve();
      },
      { once: true },
    );
    read();
  });
}

function readTable(file: string): PowerTable | undefined {
  return existsSync(file) ? (JSON.parse(readFileSync(file, 'utf8')) as PowerTable) : undefined;
}

/** Atomic, so that nobody reads half a table. */
function replace(file: string, table: PowerTable): void {
  writeFileSync(`${file}.new`, JSON.stringify(table));
  renameSync(`${file}.new`, file);
}
