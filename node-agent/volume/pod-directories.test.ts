import { expect, it } from 'vitest';
import { lastLogText } from './pod-directories.ts';

it('the end of a log is the text as it was written, also a line that was never ended', () => {
  const log = [
    '2026-11-22T07:00:00.000000001Z stdout F one',
    '2026-11-22T07:00:00.000000002Z stderr F two  words',
    '2026-11-22T07:00:00.000000003Z stdout P DONE',
    '',
  ].join('\n');
  expect(lastLogText(log)).toBe('one\ntwo  words\nDONE');
});
