import { describe, expect, it } from 'vitest';
import type { Event } from '../api/generated/core-v1.ts';
import { events } from '../api/generated/resources.ts';
import { forbidden, notFound, StatusError } from '../api/status-error.ts';
import { silentLogger } from '../base/logger.ts';
import { seededRandom } from '../base/random.ts';
import { ManualClock } from '../test/support/manual-clock.ts';
import { aPod } from '../test/support/scheduling-objects.ts';
import type { RawRequest } from './client.ts';
import { EventRecorder, type EventRecorderOptions, type EventReport } from './event-recorder.ts';
import { TransportError } from './transport-error.ts';

interface Written {
  readonly created: Event[];
  readonly patched: unknown[];
  /** How many events each request brought. */
  readonly requests: number[];
}

const listOf = (body: RawRequest['body']): Event[] => JSON.parse(String(body)).items;

/** @param answer by a server that reads many in a request; left out: one that does not */
function aRecorder(
  failures: Error[] = [],
  answer?: (items: readonly Event[]) => unknown,
  signal: AbortSignal = new AbortController().signal,
): { recorder: EventRecorder; clock: ManualClock; written: Written; ended: Promise<void> } {
  const written: Written = { created: [], patched: [], requests: [] };
  const fail = (): void => {
    const failure = failures.shift();
    if (failure !== undefined) throw failure;
  };
  const client: EventRecorderOptions['client'] = {
    create: async (_, object) => {
      fail();
      written.created.push(object as never);
      written.requests.push(1);
      return object as never;
    },
    patch: async (_type, _ref, patch) => {
      fail();
      written.patched.push(patch.body);
      return {} as never;
    },
    request: async ({ body }) => {
      fail();
      const headers = {};
      if (answer === undefined) return { status: 404, headers, body: Buffer.from('404 page not found') };
      const items = listOf(body);
      written.requests.push(items.length);
      written.created.push(...items);
      return { status: 200, headers, body: Buffer.from(JSON.stringify({ results: answer(items) })) };
    },
  };
  const clock = new ManualClock();
  const options = { client, component: 'default-scheduler', clock, random: seededRandom(1) };
  const recorder = new EventRecorder({ ...options, logger: silentLogger });
  return { recorder, clock, written, ended: recorder.run(signal) };
}

const allCreated = (items: readonly Event[]): unknown => items.map(() => ({ code: 201 }));

const report = (message = 'Successfully assigned default/pod-1 to host-1'): EventReport => ({
  object: aPod({ name: 'pod-1' }),
  type: 'Normal',
  reason: 'Scheduled',
  message,
});

const manyReports = (count: number): EventReport[] =>
  Array.from({ length: count }, (_, i) => ({
    ...report(`message ${i}`),
    object: aPod({ name: `pod-${i}` }),
  }));

describe('EventRecorder', () => {
  it('writes an event that refers to its object', async () => {
    const { recorder, clock, written } = aRecorder();
    recorder.event(report());
    await clock.advance(100);
    expect(written.created[0]).toMatchObject({
      metadata: { namespace: 'default', name: expect.stringMatching(/^pod-1\.[0-9a-z]+$/) },
      involvedObject: { kind: 'Pod', name: 'pod-1', namespace: 'default' },
      reason: 'Scheduled',
      count: 1,
      source: { component: 'default-scheduler' },
    });
  });

  it('counts repetitions on the first event, also when they come in one burst', async () => {
    const { recorder, clock, written } = aRecorder();
    const same = report();
    for (let i = 0; i < 3; i += 1) recorder.event(same);
    await clock.advance(100);
    expect(written.created).toMatchObject([{ count: 3 }]);
    for (let i = 0; i < 2; i += 1) recorder.event(same);
    await clock.advance(100);
    expect(written.created).toHaveLength(1);
    expect(written.patched).toMatchObject([{ count: 5 }]);
  });

  it('begins a new event when the first is ten minutes old', async () => {
    const { recorder, clock, written } = aRecorder();
    const same = report();
    recorder.event(same);
    await clock.advance(601_000);
    recorder.event(same);
    await clock.advance(100);
    expect(written.created).toHaveLength(2);
  });

  it('writes anew when the event to be counted was deleted', async () => {
    const failures: Error[] = [];
    const { recorder, clock, written } = aRecorder(failures);
    const same = report();
    recorder.event(same);
    await clock.advance(100);
    failures.push(notFound(events, 'pod-1.x'));
    recorder.event(same);
    await clock.advance(100);
    expect([written.created.length, written.patched.length]).toEqual([2, 0]);
  });

  it('cuts an object short that reports too much, and only that object', async () => {
    const { recorder, clock, written } = aRecorder([], allCreated);
    const { object, ...rest } = report();
    for (let i = 0; i < 100; i += 1) recorder.event({ object, ...rest, message: `message ${i}` });
    recorder.event(report('from another pod'));
    await clock.advance(100);
    expect(written.created).toHaveLength(26);
  });

  it('writes many in a request, and when nothing is reported for a moment', async () => {
    const { recorder, clock, written } = aRecorder([], allCreated);
    const reports = manyReports(1_200);
    for (const [at, each] of reports.entries()) {
      recorder.event(each);
      if (at % 100 === 0) await clock.advance(50);
    }
    expect(written.requests).toEqual([]);
    await clock.advance(500);
    expect(written.requests).toEqual([500, 500, 200]);
    expect(written.created.map(({ involvedObject }) => involvedObject.name)).toEqual(
      reports.map(({ object }) => object.metadata.name),
    );
  });

  it('writes within two seconds though reports never pause', async () => {
    const { recorder, clock, written } = aRecorder([], allCreated);
    for (const each of manyReports(50)) {
      recorder.event(each);
      await clock.advance(50);
    }
    expect(written.requests).toEqual([40]);
  });

  it('writes them one by one where the server does not read many', async () => {
    const { recorder, clock, written } = aRecorder();
    for (const each of manyReports(20)) recorder.event(each);
    await clock.advance(100);
    expect(written.requests).toEqual(Array.from({ length: 20 }, () => 1));
  });

  it('takes what is there from a request without answer for written, and drops what is refused', async () => {
    const answer = (items: readonly Event[]): unknown =>
      items.map(({ involvedObject: { name } }) =>
        name === 'pod-0' ? { code: 409, reason: 'AlreadyExists' } : { code: 403, reason: 'Forbidden' },
      );
    const { recorder, clock, written } = aRecorder([new TransportError('no answer')], answer);
    const reports = manyReports(2);
    for (const each of reports) recorder.event(each);
    await clock.advance(1_000);
    expect(written.created).toHaveLength(2);
    for (const each of reports) recorder.event(each);
    await clock.advance(1_000);
    expect(written.patched).toMatchObject([{ count: 2 }]);
    expect(written.created.slice(2).map(({ involvedObject }) => involvedObject.name)).toEqual(['pod-1']);
  });

  it('loses none of many when the server has too much to do, for all or for one of them', async () => {
    const busy = new StatusError({ code: 429, reason: 'TooManyRequests', message: 'later' });
    let isFirst = true;
    const answer = (items: readonly Event[]): unknown => {
      const codes = items.map((_, at) => ({ code: isFirst && at === 1 ? 503 : 201 }));
      isFirst = false;
      return codes;
    };
    const { recorder, clock, written } = aRecorder([busy], answer);
    for (const each of manyReports(3)) recorder.event(each);
    await clock.advance(10_000);
    expect(written.requests).toEqual([3, 3]);
    const names = written.created.map(({ metadata }) => metadata.name);
    expect(names.slice(3)).toEqual(names.slice(0, 3));
  });

  it('tries again when no answer came, and drops what is refused', async () => {
    const { recorder, clock, written } = aRecorder([
      new TransportError('no answer'),
      new TransportError('no answer'),
    ]);
    recorder.event(report());
    await clock.advance(10_000);
    expect(written.created).toHaveLength(1);
    const refused = aRecorder([forbidden(events, 'x', 'namespace is being terminated')]);
    refused.recorder.event(report());
    await refused.clock.advance(10_000);
    expect(refused.written.created).toHaveLength(0);
  });

  it('writes what is queued before it ends', async () => {
    const abort = new AbortController();
    const { recorder, clock, written, ended } = aRecorder([], undefined, abort.signal);
    abort.abort();
    recorder.event(report());
    await ended;
    expect(written.created).toHaveLength(1);
    expect(clock.pendingTimers).toBe(0);
  });

  it('ends a second after it was told to, though a server does not answer', async () => {
    const clock = new ManualClock();
    const never = new Promise<never>(() => undefined);
    const client = { create: () => never, patch: () => never, request: () => never };
    const options = { client, component: 'kubelet', clock, random: seededRandom(1), logger: silentLogger };
    const recorder = new EventRecorder(options);
    const abort = new AbortController();
    let hasEnded = false;
    const running = recorder.run(abort.signal).then(() => {
      hasEnded = true;
    });
    recorder.event(report());
    await clock.advance(100);
    abort.abort();
    await clock.advance(999);
    expect(hasEnded).toBe(false);
    await clock.advance(1);
    await running;
  });
});
