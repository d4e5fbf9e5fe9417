import { type FileHandle, open, readdir, stat } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { codeOf } from '../../base/invariant.ts';

const newline = 0x0a;
const blockBytes = 64 * 1024;

/** A file is known by its inode: its name changes when it is rotated. */
export interface LogFile {
  readonly path: string;
  readonly inode: bigint;
}

export interface OpenLog {
  readonly handle: FileHandle;
  readonly inode: bigint;
}

/** Files of one instance's log, oldest first: those that were rotated away, then the current one, if there is one. */
async function logFilesOf(logPath: string): Promise<LogFile[]> {
  // The current one first: when it is rotated away meanwhile, it is found among the others.
  const current = await fileAt(logPath);
  const rotated: LogFile[] = [];
  for (const path of await rotatedPaths(logPath)) {
    const file = await fileAt(path);
    if (file !== undefined) rotated.push(file);
  }
  const isRotated = rotated.some(({ inode }) => inode === current?.inode);
  return current === undefined || isRotated ? rotated : [...rotated, current];
}

/** Oldest first. What conmon names `.tmp` while it makes a new file is none of them. */
export async function rotatedPaths(logPath: string): Promise<string[]> {
  const directory = dirname(logPath);
  const prefix = `${basename(logPath)}.`;
  const isRotated = (name: string): boolean =>
    name.startsWith(prefix) && /^\d/.test(name.slice(prefix.length));
  try {
    return (await readdir(directory))
      .filter(isRotated)
      .sort()
      .map((name) => join(directory, name));
  } catch (error) {
    // Nothing was ever logged.
    if (codeOf(error) === 'ENOENT') return [];
    throw error;
  }
}

/** @returns undefined when there is nothing to choose */
export async function openLog(
  logPath: string,
  choose: (files: readonly LogFile[]) => LogFile | undefined,
): Promise<OpenLog | undefined> {
  // Another turn only when the chosen file was renamed or removed in this moment.
  for (;;) {
    const chosen = choose(await logFilesOf(logPath));
    if (chosen === undefined) return undefined;
    const handle = await openIfThere(chosen.path);
    if (handle === undefined) continue;
    if ((await handle.stat({ bigint: true })).ino === chosen.inode) return { handle, inode: chosen.inode };
    await handle.close();
  }
}

/** Whether another file has taken its place: conmon, which makes it, has then closed this one. */
export async function isReplaced(logPath: string, inode: bigint): Promise<boolean> {
  const current = await fileAt(logPath);
  return current !== undefined && current.inode !== inode;
}

/** @returns the file after this one, the oldest one if it was removed; undefined when there is none */
export const openNext = (logPath: string, inode: bigint): Promise<OpenLog | undefined> =>
  openLog(logPath, (files) => files[files.findIndex((file) => file.inode === inode) + 1]);

export interface LogPosition {
  readonly inode: bigint;
  readonly offset: number;
}

/** Where the last `lines` lines begin, looking back over rotated files; undefined when nothing is logged. */
export async function tailPosition(logPath: string, lines: number): Promise<LogPosition | undefined> {
  let wanted = lines;
  let position: LogPosition | undefined;
  for (const { inode } of (await logFilesOf(logPath)).reverse()) {
    const found = await tailOfFile(logPath, inode, wanted);
    if (found === undefined) continue;
    position = { inode, offset: found.offset };
    if (found.lines >= wanted) return position;
    wanted -= found.lines;
  }
  return position;
}

/** @returns the offset of the last `wanted` lines and how many there are; undefined without a file. */
async function tailOfFile(
  logPath: string,
  inode: bigint,
  wanted: number,
): Promise<{ readonly offset: number; readonly lines: number } | undefined> {
  const log = await openLog(logPath, (files) => files.find((file) => file.inode === inode));
  if (log === undefined) return undefined;
  const { handle } = log;
  try {
    const { size } = await handle.stat();
    let lines = 0;
    for (let end = size; end > 0; end -= blockBytes) {
      const start = Math.max(0, end - blockBytes);
      const { buffer } = await handle.read({ buffer: Buffer.alloc(end - start), position: start });
      for (let at = buffer.length - 1; at >= 0; at -= 1) {
        if (buffer[at] !== newline || start + at === size - 1) continue;
        lines += 1;
        if (lines === wanted) return { offset: start + at + 1, lines };
      }
    }
    if (wanted === 0) return { offset: size, lines: 0 };
    return { offset: 0, lines: size > 0 ? lines + 1 : 0 };
  } finally {
    await handle.close();
  }
}

async function openIfThere(file: string): Promise<FileHandle | undefined> {
  try {
    return await open(file);
  } catch (error) {
    // Rotated away or removed meanwhile, or nothing logged yet.
    if (codeOf(error) === 'ENOENT') return undefined;
    throw error;
  }
}

async function fileAt(path: string): Promise<LogFile | undefined> {
  try {
    return { path, inode: (await stat(path, { bigint: true })).ino };
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return undefined;
    throw error;
  }
}
