import { describe, expect, it } from 'vitest';
import type { Event } from '../api/generated/core-v1.ts';
import { events } from '../api/generated/resources.ts';
import { forbidden, notFound } from '../api/status-error.ts';
import { silentLogger } from '../base/logger.ts';
import { seededRandom } from '../base/random.ts';
import { ManualClock, settle } from '../test/support/manual-clock.ts';
import { aPod } from '../test/support/scheduling-objects.ts';
import { EventRecorder, type EventRecorderOptions, type EventReport } from './event-recorder.ts';
import { TransportError } from './transport-error.ts';

interface Written {
  readonly created: Event[];
  readonly patched: unknown[];
}

function aRecorder(failures: Error[] = []): {
  recorder: EventRecorder;
  clock: ManualClock;
  written: Written;
} {
  const written: Written = { created: [], patched: [] };
  const fail = (): void => {
    const failure = failures.shift();
    if (failure !== undefined) throw failure;
  };
  const client: EventRecorderOptions['client'] = {
    create: async (_, object) => {
      fail();
      written.created.push(object as never);
      return object as never;
    },
    patch: async (_type, _ref, patch) => {
      fail();
      written.patched.push(patch.body);
      return {} as never;
    },
  };
  const clock = new ManualClock();
  const options = { client, component: 'default-scheduler', clock, random: seededRandom(1) };
  const recorder = new EventRecorder({ ...options, logger: silentLogger });
  return { recorder, clock, written };
}

const report = (message = 'Successfully assigned default/pod-1 to host-1'): EventReport => ({
  object: aPod({ name: 'pod-1' }),
  type: 'Normal',
  reason: 'Scheduled',
  message,
});

describe('EventRecorder', () => {
  it('writes an event that refers to its object', async () => {
    const { recorder, written } = aRecorder();
    void recorder.run(new AbortController().signal);
    recorder.event(report());
    await settle();
    expect(written.created[0]).toMatchObject({
      metadata: { namespace: 'default', name: expect.stringMatching(/^pod-1\.[0-9a-z]+$/) },
      involvedObject: { kind: 'Pod', name: 'pod-1', namespace: 'default' },
      reason: 'Scheduled',
      count: 1,
      source: { component: 'default-scheduler' },
    });
  });

  it('counts repetitions on the first event, also when they come in one burst', async () => {
    const { recorder, written } = aRecorder();
    void recorder.run(new AbortController().signal);
    const same = report();
    for (let i = 0; i < 3; i += 1) recorder.event(same);
    await settle();
    expect(written.created).toHaveLength(1);
    expect(written.patched).toMatchObject([{ count: 2 }, { count: 3 }]);
  });

  it('begins a new event when the first is ten minutes old', async () => {
    const { recorder, clock, written } = aRecorder();
    void recorder.run(new AbortController().signal);
    const same = report();
    recorder.event(same);
    await clock.advance(601_000);
    recorder.event(same);
    await settle();
    expect(written.created).toHaveLength(2);
  });

  it('writes anew when the event to be counted was deleted', async () => {
    const failures: Error[] = [];
    const { recorder, written } = aRecorder(failures);
    void recorder.run(new AbortController().signal);
    const same = report();
    recorder.event(same);
    await settle();
    failures.push(notFound(events, 'pod-1.x'));
    recorder.event(same);
    await settle();
    expect([written.created.length, written.patched.length]).toEqual([2, 0]);
  });

  it('cuts an object short that reports too much, and only that object', async () => {
    const { recorder, written } = aRecorder();
    void recorder.run(new AbortController().signal);
    const { object, ...rest } = report();
    for (let i = 0; i < 100; i += 1) recorder.event({ object, ...rest, message: `message ${i}` });
    recorder.event(report('from another pod'));
    await settle();
    expect(written.created).toHaveLength(26);
  });

  it('tries again when no answer came, and drops what is refused', async () => {
    const { recorder, clock, written } = aRecorder([
      new TransportError('no answer'),
      new TransportError('no answer'),
    ]);
    void recorder.run(new AbortController().signal);
    recorder.event(report());
    await clock.advance(10_000);
    expect(written.created).toHaveLength(1);
    const refused = aRecorder([forbidden(events, 'x', 'namespace is being terminated')]);
    void refused.recorder.run(new AbortController().signal);
    refused.recorder.event(report());
    await refused.clock.advance(10_000);
    expect(refused.written.created).toHaveLength(0);
  });

  it('writes what is queued before it ends', async () => {
    const { recorder, clock, written } = aRecorder();
    const abort = new AbortController();
    const running = recorder.run(abort.signal);
    abort.abort();
    recorder.event(report());
    await running;
    expect(written.created).toHaveLength(1);
    expect(clock.pendingTimers).toBe(0);
  });

  it('ends a second after it was told to, though a server does not answer', async () => {
    const clock = new ManualClock();
    const never = new Promise<never>(() => undefined);
    const client = { create: () => never, patch: () => never };
    const options = { client, component: 'kubelet', clock, random: seededRandom(1), logger: silentLogger };
    const recorder = new EventRecorder(options);
    const abort = new AbortController();
    let hasEnded = false;
    const running = recorder.run(abort.signal).then(() => {
      hasEnded = true;
    });
    recorder.event(report());
    await settle();
    abort.abort();
    await clock.advance(999);
    expect(hasEnded).toBe(false);
    await clock.advance(1);
    await running;
  });
});
