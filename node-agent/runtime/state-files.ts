import { mkdir, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import type { Logger } from '../../base/logger.ts';

/**
 * One JSON file per object, `<directory>/<id>/<file>`, replaced as a whole. What an agent needs to find its containers
 * again; not synced to disk, since after a power loss they are gone anyway.
 */
export class StateFiles<Entry> {
  readonly #directory: string;
  readonly #file: string;
  readonly #parse: (value: unknown) => Entry | undefined;

  constructor(directory: string, file: string, parse: (value: unknown) => Entry | undefined) {
    this.#directory = directory;
    this.#file = file;
    this.#parse = parse;
  }

  directoryOf(id: string): string {
    return `${this.#directory}/${id}`;
  }

  async write(id: string, entry: Entry): Promise<void> {
    const path = `${this.directoryOf(id)}/${this.#file}`;
    await writeFile(`${path}.new`, JSON.stringify(entry));
    await rename(`${path}.new`, path);
  }

  async remove(id: string): Promise<void> {
    await rm(this.directoryOf(id), { recursive: true, force: true });
  }

  /** Every entry that can be read. What a crash left half made has no file and is removed. */
  async load(logger: Logger): Promise<Map<string, Entry>> {
    await mkdir(this.#directory, { recursive: true });
    const entries = new Map<string, Entry>();
    for (const id of await readdir(this.#directory)) {
      const entry = await this.#read(id);
      if (entry !== undefined) entries.set(id, entry);
      else {
        logger.warn({ directory: this.directoryOf(id) }, 'removing a directory without state');
        await this.remove(id);
      }
    }
    return entries;
  }

  async #read(id: string): Promise<Entry | undefined> {
    try {
      return this.#parse(JSON.parse(await readFile(`${this.directoryOf(id)}/${this.#file}`, 'utf8')));
    } catch {
      // Missing or cut short: either way there is nothing to go on from.
      return undefined;
    }
  }
}
