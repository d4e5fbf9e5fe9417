import { describe, expect, it } from 'vitest';
import { internalError, StatusError } from '../api/status-error.ts';
import { isUnanswered } from './until-answered.ts';

const refusal = (code: number, reason: string): StatusError => new StatusError({ code, reason, message: '' });

describe('isUnanswered', () => {
  it.each([
    [refusal(503, 'ServiceUnavailable'), true],
    [refusal(504, 'Timeout'), true],
    [refusal(403, 'Forbidden'), false],
    // A request that makes the server fail does so again, and whoever waits for it is to be told.
    [internalError(new Error('a mistake')), false],
    [new Error('ours'), false],
  ])('of %s is %j', (error, expected) => {
    expect(isUnanswered(error)).toBe(expected);
  });
});
