import { expect, it } from 'vitest';
import { onAbort } from './abort.ts';

it('runs when the signal aborts, once, and not when nobody listens any longer', () => {
  const abort = new AbortController();
  let runs = 0;
  onAbort(abort.signal, () => {
    runs += 1;
  });
  const stop = onAbort(abort.signal, () => {
    runs += 10;
  });
  stop();
  abort.abort();
  abort.abort();
  expect(runs).toBe(1);
});

it('runs at once when the signal has aborted before', () => {
  let runs = 0;
  onAbort(AbortSignal.abort(), () => {
    runs += 1;
  })();
  expect(runs).toBe(1);
});
