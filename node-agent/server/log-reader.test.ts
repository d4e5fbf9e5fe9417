import { appendFileSync, mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { systemClock } from '../../base/clock.ts';
import type { LogQuery } from './log-query.ts';
import { readLog } from './log-reader.ts';

const time = '2026-01-02T03:04:05.000000000Z';
const line = (text: string): string => `${time} stdout F ${text}\n`;

const all: LogQuery = {
  ...{ follow: false, previous: false, timestamps: false },
  ...{ tailLines: undefined, sinceMs: undefined, limitBytes: undefined, stream: undefined },
};

let directory: string;
let log: string;
let isRunning: boolean;
let asked: (() => void) | undefined;

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'coracle-log-'));
  log = join(directory, '0.log');
  isRunning = true;
  asked = undefined;
});
afterEach(() => rmSync(directory, { recursive: true }));

class Follower {
  readonly #chunks: AsyncGenerator<Buffer>;
  text = '';

  constructor(query: Partial<LogQuery> = {}) {
    this.#chunks = readLog({
      logPath: log,
      query: { ...all, follow: true, ...query },
      isRunning: () => {
        asked?.();
        return Promise.resolve(isRunning);
      },
      clock: systemClock,
      signal: AbortSignal.timeout(10_000),
    });
  }

  async until(text: string): Promise<void> {
    while (!this.text.endsWith(text)) {
      const { value, done } = await this.#chunks.next();
      if (done === true) throw new Error(`the log ended after ${JSON.stringify(this.text)}`);
      this.text += value.toString();
    }
  }

  async rest(): Promise<string> {
    for await (const chunk of this.#chunks) this.text += chunk.toString();
    return this.text;
  }
}

const rotate = (number: number): void => renameSync(log, `${log}.20260102-03040${number}.000`);

/** The second file has one line. */
function rotateTwice(): void {
  rotate(1);
  writeFileSync(log, line('two'));
  rotate(2);
}

describe('a log that is followed while it is rotated', () => {
  it('goes on with a file that was moved aside until another has taken its place', async () => {
    writeFileSync(log, line('one'));
    const follower = new Follower();
    await follower.until('one\n');
    rotate(1);
    // It has looked, found the file gone and looks again, before conmon writes the next line.
    let looks = 0;
    const looked = new Promise<void>((resolve) => {
      asked = () => {
        looks += 1;
        if (looks === 2) resolve();
      };
    });
    const next = follower.until('two\n');
    await looked;
    appendFileSync(`${log}.20260102-030401.000`, line('two'));
    await next;
    writeFileSync(log, line('three'));
    await follower.until('three\n');
    isRunning = false;
    expect(await follower.rest()).toBe('one\ntwo\nthree\n');
  });

  it('leaves out no file when it is rotated twice between two looks', async () => {
    writeFileSync(log, line('one'));
    const follower = new Follower();
    await follower.until('one\n');
    rotateTwice();
    writeFileSync(log, line('three'));
    await follower.until('three\n');
    isRunning = false;
    expect(await follower.rest()).toBe('one\ntwo\nthree\n');
  });

  it('ends with what a container wrote that ended before the new file was there', async () => {
    writeFileSync(log, line('one'));
    rotateTwice();
    isRunning = false;
    expect(await new Follower().rest()).toBe('one\ntwo\n');
  });

  it('takes what conmon is about to put in place for no rotated file', async () => {
    writeFileSync(log, line('one'));
    writeFileSync(`${log}.tmp`, line('two'));
    isRunning = false;
    expect(await new Follower().rest()).toBe('one\n');
  });

  it('finds the last lines over rotated files', async () => {
    writeFileSync(log, line('one') + line('two'));
    rotate(1);
    writeFileSync(log, line('three'));
    isRunning = false;
    expect(await new Follower({ tailLines: 2 }).rest()).toBe('two\nthree\n');
    expect(await new Follower({ tailLines: 0 }).rest()).toBe('');
    expect(await new Follower({ tailLines: 9 }).rest()).toBe('one\ntwo\nthree\n');
  });

  it('waits for a log that nothing was written to, and ends without one', async () => {
    const follower = new Follower();
    const first = follower.until('one\n');
    writeFileSync(log, line('one'));
    await first;
    rmSync(log);
    isRunning = false;
    expect(await new Follower().rest()).toBe('');
  });
});
