import { readdir } from 'node:fs/promises';
import { codeOf } from '../../base/invariant.ts';

/** What lies in a directory; nothing when there is none. */
export async function namesIn(directory: string): Promise<string[]> {
  try {
    return await readdir(directory);
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return [];
    throw error;
  }
}
