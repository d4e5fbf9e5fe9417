import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { silentLogger } from '../../base/logger.ts';
import { ManualClock } from '../../test/support/manual-clock.ts';
import { rotateOne } from './log-rotation.ts';

let directory: string;
let log: string;
/** Containers whose log was opened by its name again, which makes the file. */
let reopened: string[];

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'coracle-rotation-'));
  log = join(directory, '0.log');
  reopened = [];
});
afterEach(() => rmSync(directory, { recursive: true }));

const clock = new ManualClock(Date.UTC(2026, 0, 2, 3, 4, 5));

function rotate(): Promise<void> {
  const runtime = {
    reopenContainerLog: (id: string) => {
      reopened.push(id);
      writeFileSync(log, '');
      return Promise.resolve();
    },
  };
  const limits = { maxBytes: 10, maxFiles: 3, periodMs: 1_000 };
  return rotateOne({ runtime, limits, clock, logger: silentLogger }, 'c1', log);
}

describe('rotation of a log', () => {
  it('moves a file aside when it is full, and not before', async () => {
    writeFileSync(log, '123456789');
    await rotate();
    expect(readdirSync(directory)).toEqual(['0.log']);
    writeFileSync(log, '1234567890');
    await rotate();
    expect(readdirSync(directory)).toEqual(['0.log', '0.log.20260102-030405.000']);
    expect(reopened).toEqual(['c1']);
  });

  it('keeps the newest files, and no more than it may', async () => {
    for (let round = 0; round < 4; round += 1) {
      writeFileSync(log, '1234567890');
      await rotate();
      await clock.advance(1_000);
    }
    expect(readdirSync(directory)).toEqual([
      ...['0.log', '0.log.20260102-030407.000', '0.log.20260102-030408.000'],
    ]);
  });

  it('has a log opened again that an agent moved aside just before it died', async () => {
    writeFileSync(`${log}.20260102-030400.000`, '1234567890');
    await rotate();
    expect(reopened).toEqual(['c1']);
    await rotate();
    expect(reopened).toEqual(['c1']);
  });

  it('makes no file for a container without a log', async () => {
    await rotate();
    expect([reopened, readdirSync(directory)]).toEqual([[], []]);
  });
});
