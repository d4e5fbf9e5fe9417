import { describe, expect, it } from 'vitest';
import type { ConfigMap } from '../api/generated/core-v1.ts';
import { configmaps } from '../api/generated/resources.ts';
import { expired, StatusError } from '../api/status-error.ts';
import { silentLogger } from '../base/logger.ts';
import { seededRandom } from '../base/random.ts';
import { ManualClock, settle } from '../test/support/manual-clock.ts';
import type { ListRequest, WatchEvent, WatchRequest } from './client.ts';
import { Informer } from './informer.ts';
import { TransportError } from './transport-error.ts';

type Step = WatchEvent<ConfigMap> | Error;

const aMap = (name: string, resourceVersion: string, uid = name): ConfigMap => ({
  apiVersion: 'v1',
  kind: 'ConfigMap',
  metadata: { name, namespace: 'default', uid, resourceVersion, creationTimestamp: '2026-01-01T00:00:00Z' },
});
const added = (object: ConfigMap): Step => ({ type: 'ADDED', object });
const modified = (object: ConfigMap): Step => ({ type: 'MODIFIED', object });
const deleted = (object: ConfigMap): Step => ({ type: 'DELETED', object });
const bookmark = (resourceVersion: string, annotations?: Record<string, string>): Step => ({
  type: 'BOOKMARK',
  object: { metadata: { ...aMap('', resourceVersion).metadata, annotations } },
});
const endOfInitial = (resourceVersion: string): Step =>
  bookmark(resourceVersion, { 'k8s.io/initial-events-end': 'true' });
const broken = new TransportError('connection lost');

/** Plays one script per stream; the last stays open. */
class Script {
  readonly requests: WatchRequest[] = [];
  readonly listed: ListRequest[] = [];
  listItems: ConfigMap[] = [];
  readonly #streams: Step[][];

  constructor(...streams: Step[][]) {
    this.#streams = streams;
  }

  async *watch(_: unknown, request: WatchRequest, signal: AbortSignal): AsyncGenerator<WatchEvent<never>> {
    this.requests.push(request);
    const steps = this.#streams.shift();
    for (const step of steps ?? []) {
      if (step instanceof Error) throw step;
      yield step as WatchEvent<never>;
    }
    if (this.#streams.length === 0)
      await new Promise((resolve) => signal.addEventListener('abort', resolve, { once: true }));
  }

  async list(
    _: unknown,
    request: ListRequest = {},
  ): Promise<{ resourceVersion: string; continue: undefined; items: never[] }> {
    this.listed.push(request);
    return { resourceVersion: '50', continue: undefined, items: this.listItems as never[] };
  }
}

async function follow(
  script: Script,
): Promise<{ told: string[]; informer: Informer<ConfigMap>; stop: () => Promise<void> }> {
  const clock = new ManualClock();
  const random = seededRandom(1);
  const informer = new Informer({ client: script, type: configmaps, clock, random, logger: silentLogger });
  const told: string[] = [];
  informer.addHandler({
    onAdd: ({ metadata }) => told.push(`+${metadata.name}@${metadata.resourceVersion}`),
    onUpdate: (_, { metadata }) => told.push(`=${metadata.name}@${metadata.resourceVersion}`),
    onDelete: ({ metadata }) => told.push(`-${metadata.name}`),
  });
  const abort = new AbortController();
  const running = informer.run(abort.signal);
  for (let i = 0; i < 20; i += 1) await clock.advance(1_000);
  return {
    told,
    informer,
    stop: async () => {
      abort.abort();
      await settle();
      await running;
    },
  };
}

describe('Informer', () => {
  it('shows the initial state as a whole, then every change', async () => {
    const script = new Script([
      added(aMap('a', '1')),
      added(aMap('b', '2')),
      endOfInitial('5'),
      modified(aMap('a', '6')),
      deleted(aMap('b', '7')),
      added(aMap('c', '8')),
    ]);
    const { told, informer, stop } = await follow(script);
    expect(told).toEqual(['+a@1', '+b@2', '=a@6', '-b', '+c@8']);
    expect(informer.hasSynced).toBe(true);
    expect(informer.lastResourceVersion).toBe('8');
    expect(informer.lister.list('default').map(({ metadata }) => metadata.name)).toEqual(['a', 'c']);
    await stop();
  });

  it('resumes after the last version seen, bookmarks included', async () => {
    const script = new Script(
      [added(aMap('a', '1')), endOfInitial('5'), bookmark('9'), broken],
      [added(aMap('b', '10')), broken],
      [],
    );
    const { told, stop } = await follow(script);
    expect(script.requests.map(({ resourceVersion }) => resourceVersion)).toEqual([undefined, '9', '10']);
    expect(told).toEqual(['+a@1', '+b@10']);
    await stop();
  });

  it('reads anew when its version is too old, and tells what disappeared meanwhile', async () => {
    const script = new Script(
      [added(aMap('a', '1')), added(aMap('b', '2')), endOfInitial('5'), broken],
      [expired('too old resource version')],
      [added(aMap('b', '2')), added(aMap('c', '90')), endOfInitial('100')],
    );
    const { told, stop } = await follow(script);
    expect(told).toEqual(['+a@1', '+b@2', '-a', '+c@90']);
    await stop();
  });

  it('starts over when the initial state is cut off', async () => {
    const script = new Script([added(aMap('a', '1')), broken], [added(aMap('b', '2')), endOfInitial('5')]);
    const { told, stop } = await follow(script);
    expect(told).toEqual(['+b@2']);
    await stop();
  });

  it('tells a delete and an add when an object was replaced under its name', async () => {
    const script = new Script(
      [added(aMap('a', '1', 'first')), endOfInitial('5'), broken],
      [expired('too old resource version')],
      [added(aMap('a', '60', 'second')), endOfInitial('100')],
    );
    const { told, stop } = await follow(script);
    expect(told).toEqual(['+a@1', '-a', '+a@60']);
    await stop();
  });

  it('lists when the server refuses initial events', async () => {
    const refusal = new StatusError({
      reason: 'Invalid',
      code: 422,
      message: 'sendInitialEvents is forbidden',
    });
    const script = new Script([refusal], [modified(aMap('a', '51'))]);
    script.listItems = [aMap('a', '1')];
    const { told, stop } = await follow(script);
    expect(told).toEqual(['+a@1', '=a@51']);
    expect(script.requests[1]?.resourceVersion).toBe('50');
    await stop();
  });

  it('tells a late handler what is there, and goes on when a handler throws', async () => {
    const script = new Script([added(aMap('a', '1')), endOfInitial('5')]);
    const { informer, stop } = await follow(script);
    const late: string[] = [];
    informer.addHandler({
      onAdd: () => {
        throw new Error('planted');
      },
    });
    informer.addHandler({ onAdd: ({ metadata }) => late.push(metadata.name) });
    expect(late).toEqual(['a']);
    await stop();
  });
});
