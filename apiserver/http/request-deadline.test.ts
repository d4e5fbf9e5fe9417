import { describe, expect, test } from 'vitest';
import { parseDuration, requestTimeoutMs, timeAllowed } from './request-deadline.ts';
import { parseRequestInfo } from './request-info.ts';

describe('a duration', () => {
  test.each([
    ['0', 0],
    ['34s', 34_000],
    ['1m30s', 90_000],
    ['1.5h', 5_400_000],
    ['.5s', 500],
    ['100ms', 100],
    ['2us', 0.002],
    ['-3s', -3_000],
    ['+3s', 3_000],
  ])('%s is %d ms', (text, ms) => {
    expect(parseDuration(text)).toBeCloseTo(ms);
  });

  test.each([
    ['', 'time: invalid duration ""'],
    ['foo', 'time: invalid duration "foo"'],
    ['.s', 'time: invalid duration ".s"'],
    ['10', 'time: missing unit in duration "10"'],
    ['10x', 'time: unknown unit "x" in duration "10x"'],
    ['3s-2s', 'time: unknown unit "s-" in duration "3s-2s"'],
  ])('%j is refused in the words of Go', (text, message) => {
    expect(() => parseDuration(text)).toThrow(message);
  });
});

describe('the time that a request may take', () => {
  const allowed = (path: string, query: string, watching = false) =>
    timeAllowed(parseRequestInfo('GET', path, watching), new URLSearchParams(query));

  test.each([
    ['', requestTimeoutMs],
    ['timeout=34s', 34_000],
    ['timeout=0s', requestTimeoutMs],
    ['timeout=-1s', requestTimeoutMs],
    ['timeout=24h', requestTimeoutMs],
    ['timeout=', requestTimeoutMs],
  ])('of ?%s is %d ms', (query, ms) => {
    expect(allowed('/api/v1/pods', query)).toBe(ms);
  });

  test('has no end for what is long-running', () => {
    expect(allowed('/api/v1/pods', 'timeout=nonsense', true)).toBeUndefined();
    expect(allowed('/api/v1/namespaces/a/pods/b/log', '')).toBeUndefined();
  });

  test('that is no duration is a bad request', () => {
    expect(() => allowed('/api/v1/pods', 'timeout=foo')).toThrow(
      'invalid timeout specified in the request URL - time: invalid duration "foo"',
    );
  });
});
