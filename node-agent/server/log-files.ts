import { type FileHandle, open, readdir } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { codeOf } from '../../base/invariant.ts';

const newline = 0x0a;
const blockBytes = 64 * 1024;

/** Files of one instance's log, oldest first: those that were rotated away, then the current one. */
export async function logFilesOf(logPath: string): Promise<string[]> {
  const directory = dirname(logPath);
  const current = basename(logPath);
  try {
    const rotated = (await readdir(directory)).filter((name) => name.startsWith(`${current}.`)).sort();
    return [...rotated.map((name) => join(directory, name)), logPath];
  } catch (error) {
    // Nothing was ever logged.
    if (codeOf(error) === 'ENOENT') return [logPath];
    throw error;
  }
}

export interface LogPosition {
  readonly file: string;
  readonly offset: number;
}

/** Where the last `lines` lines begin, looking back over rotated files. */
export async function tailPosition(
  files: readonly string[],
  lines: number,
): Promise<LogPosition | undefined> {
  let wanted = lines;
  for (const [index, file] of [...files.entries()].reverse()) {
    const found = await tailOfFile(file, wanted);
    if (found === undefined) continue;
    if (found.lines >= wanted || index === 0) return { file, offset: found.offset };
    wanted -= found.lines;
  }
  return files[0] === undefined ? undefined : { file: files[0], offset: 0 };
}

/** @returns the offset of the last `wanted` lines and how many there are; undefined without a file. */
async function tailOfFile(
  file: string,
  wanted: number,
): Promise<{ readonly offset: number; readonly lines: number } | undefined> {
  const handle = await openIfThere(file);
  if (handle === undefined) return undefined;
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

export async function openIfThere(file: string): Promise<FileHandle | undefined> {
  try {
    return await open(file);
  } catch (error) {
    // Rotated away or removed meanwhile, or nothing logged yet.
    if (codeOf(error) === 'ENOENT') return undefined;
    throw error;
  }
}
