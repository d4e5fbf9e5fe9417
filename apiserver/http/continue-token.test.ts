import { expect, test } from 'vitest';
import { decodeContinue, ExpiredContinue, encodeContinue } from './continue-token.ts';

const minuteMs = 60_000;
const token = encodeContinue({ version: 7, after: '/pods/a', begunMs: 0 });

test('a list goes on consistently for five minutes, and then from the last key', () => {
  expect(decodeContinue(token, '/pods/', 4 * minuteMs)).toEqual({ version: 7, after: '/pods/a', begunMs: 0 });
  try {
    decodeContinue(token, '/pods/', 6 * minuteMs);
    expect.unreachable();
  } catch (error) {
    if (!(error instanceof ExpiredContinue)) throw error;
    const next = decodeContinue(error.continueToken, '/pods/', 60 * minuteMs);
    expect(next).toEqual({ version: -1, after: '/pods/a', begunMs: undefined });
  }
});
