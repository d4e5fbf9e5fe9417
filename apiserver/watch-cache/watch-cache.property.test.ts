import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { AnyObject } from '../../api/kind-info.ts';
import { everything, type Selector } from '../../api/selector.ts';
import { type Clock, systemClock } from '../../base/clock.ts';
import { silentLogger } from '../../base/logger.ts';
import { keyOf } from '../storage/keys.ts';
import { MemoryStorage } from '../storage/memory-storage.ts';
import type { StoredObject } from '../storage/storage.ts';
import { wholeVersion } from '../storage/version.ts';
import type { CacheWatch, CacheWatchRequest, WatchEncoding, WatchSink } from './read-cache.ts';
import { WatchCache } from './watch-cache.ts';

interface Pod {
  readonly namespace: string;
  readonly name: string;
  readonly app: string;
  readonly node: string;
}

interface Frame {
  readonly type: string;
  readonly version: number;
  readonly name: string;
  readonly app: string;
}

interface Change {
  readonly version: number;
  readonly key: string;
  readonly pod: Pod | undefined;
}

type Wanted = Pick<CacheWatchRequest, 'namespace' | 'name' | 'labels' | 'fields'>;

const equal = (key: string, value: string): Selector => [{ key, operator: 'in', values: [value] }];
const wanted: readonly Wanted[] = [
  { namespace: '', labels: everything, fields: everything },
  { namespace: 'n1', labels: everything, fields: everything },
  { namespace: 'n2', name: 'b', labels: everything, fields: everything },
  { namespace: '', labels: equal('app', 'x'), fields: everything },
  { namespace: '', labels: everything, fields: equal('spec.nodeName', 'h1') },
  { namespace: 'n1', labels: everything, fields: equal('spec.nodeName', '') },
  { namespace: '', labels: equal('app', 'y'), fields: equal('metadata.name', 'a') },
];

/** The model's own idea of a match, for exactly the selections above. */
function matches(index: number, pod: Pod | undefined): boolean {
  if (pod === undefined) return false;
  const rules = [
    true,
    pod.namespace === 'n1',
    pod.namespace === 'n2' && pod.name === 'b',
    pod.app === 'x',
    pod.node === 'h1',
    pod.namespace === 'n1' && pod.node === '',
    pod.app === 'y' && pod.name === 'a',
  ];
  return rules[index] === true;
}

/** What a watcher must have got, from the whole history. */
function expectedFrames(
  history: readonly Change[],
  index: number,
  start: number,
  withState: boolean,
): Frame[] {
  const state = new Map<string, { version: number; pod: Pod }>();
  const frames: Frame[] = [];
  let isStateOut = !withState;
  const putOut = (): void => {
    for (const [, { version, pod }] of [...state].toSorted(([a], [b]) => (a < b ? -1 : 1)))
      if (matches(index, pod)) frames.push({ type: 'ADDED', version, name: pod.name, app: pod.app });
    isStateOut = true;
  };
  for (const { version, key, pod } of history) {
    if (version > start && !isStateOut) putOut();
    const before = state.get(key)?.pod;
    if (pod === undefined) state.delete(key);
    else state.set(key, { version, pod });
    if (version <= start) continue;
    const [had, has] = [matches(index, before), matches(index, pod)];
    const shown = has ? pod : before;
    if (shown === undefined || (!had && !has)) continue;
    const type = has ? (had ? 'MODIFIED' : 'ADDED') : 'DELETED';
    frames.push({ type, version, name: shown.name, app: shown.app });
  }
  if (!isStateOut) putOut();
  return frames;
}

/** @returns what is wrong with what a watcher got; undefined when nothing is. */
function faultIn(actual: readonly Frame[], expected: readonly Frame[]): string | undefined {
  let next = 0;
  for (const frame of actual) {
    const due = expected[next];
    if (frame.type === 'BOOKMARK') {
      if (due !== undefined && due.version <= frame.version)
        return `bookmark ${frame.version} before ${due.version}`;
      continue;
    }
    if (JSON.stringify(frame) !== JSON.stringify(due))
      return `${JSON.stringify(frame)} for ${JSON.stringify(due)}`;
    next += 1;
  }
  return next === expected.length ? undefined : `${expected.length - next} events are missing`;
}

const encoding = (id: string, hasFirst: boolean): WatchEncoding => ({
  id,
  hasFirst,
  encode: (type, object) => Buffer.from(`{"type":"${type}","object":${object.json.toString()}}\n`),
  bookmark: (version) => Buffer.from(`{"type":"BOOKMARK","version":${version}}\n`),
  error: () => Buffer.from('{"type":"ERROR"}\n'),
});
const encodings = [encoding('json', false), encoding('table', true)];

class RecordingSink implements WatchSink {
  readonly frames: Frame[] = [];
  ended = false;
  /** It was cut off because it had taken nothing for long. */
  wasTooSlow = false;
  accepts = true;
  #resume: (() => void) | undefined;

  write(bytes: Buffer): boolean {
    for (const line of bytes.toString().trimEnd().split('\n')) {
      const { type, object, version } = JSON.parse(line);
      const metadata = object?.metadata;
      this.frames.push({
        type,
        version: version ?? Number(metadata.resourceVersion),
        name: metadata?.name ?? '',
        app: metadata?.labels.app ?? '',
      });
    }
    return this.accepts;
  }
  onDrain(resume: () => void): void {
    this.#resume = resume;
  }
  drain(): void {
    const resume = this.#resume;
    this.#resume = undefined;
    resume?.();
  }
  end(isTooSlow: boolean): void {
    this.ended = true;
    this.wasTooSlow = isTooSlow;
    if (isTooSlow) expect(this.accepts).toBe(false);
  }
}

/** Immediates are real turns of the event loop; time stands still but for `advance`. */
class ManualClock implements Clock {
  #nowMs = 0;
  readonly #timers = new Set<{ readonly atMs: number; readonly run: () => void }>();
  nowMs(): number {
    return this.#nowMs;
  }
  monotonicMs(): number {
    return this.#nowMs;
  }
  setTimer(delayMs: number, run: () => void): { cancel(): void } {
    const timer = { atMs: this.#nowMs + delayMs, run };
    this.#timers.add(timer);
    return { cancel: () => void this.#timers.delete(timer) };
  }
  setImmediate(run: () => void): { cancel(): void } {
    return systemClock.setImmediate(run);
  }
  advance(ms: number): void {
    this.#nowMs += ms;
    for (const timer of [...this.#timers])
      if (timer.atMs <= this.#nowMs && this.#timers.delete(timer)) timer.run();
  }
}

const toObject = (pod: Pod): AnyObject => ({
  kind: 'Pod',
  apiVersion: 'v1',
  metadata: {
    name: pod.name,
    namespace: pod.namespace,
    uid: 'u',
    creationTimestamp: '2026-01-01T00:00:00Z',
    resourceVersion: '',
    labels: { app: pod.app },
  },
  spec: { nodeName: pod.node },
});

const aPod = fc.record<Pod>({
  namespace: fc.constantFrom('n1', 'n2'),
  name: fc.constantFrom('a', 'b', 'c'),
  app: fc.constantFrom('x', 'y'),
  node: fc.constantFrom('', 'h1', 'h2'),
});

const aStep = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      type: fc.constant('put' as const),
      pods: fc.array(aPod, { minLength: 1, maxLength: 3 }),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      type: fc.constant('delete' as const),
      pods: fc.array(aPod, { minLength: 1, maxLength: 2 }),
    }),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      type: fc.constant('watch' as const),
      index: fc.nat(wanted.length - 1),
      encoding: fc.nat(1),
      start: fc.constantFrom('now' as const, 'state' as const, 'past' as const),
      back: fc.nat(6),
    }),
  },
  { weight: 1, arbitrary: fc.record({ type: fc.constant('pause' as const), which: fc.nat(5) }) },
  { weight: 1, arbitrary: fc.record({ type: fc.constant('resume' as const), which: fc.nat(5) }) },
  { weight: 2, arbitrary: fc.record({ type: fc.constant('turn' as const) }) },
  { weight: 1, arbitrary: fc.record({ type: fc.constant('minute' as const) }) },
);
type Step = typeof aStep extends fc.Arbitrary<infer S> ? S : never;

interface Watcher {
  readonly index: number;
  readonly start: number;
  readonly withState: boolean;
  readonly sink: RecordingSink;
  readonly watch: CacheWatch;
}

const emptyStoreVersion = wholeVersion(1);

class World {
  readonly storage = new MemoryStorage();
  readonly clock = new ManualClock();
  readonly watchers: Watcher[] = [];
  readonly cache: WatchCache;
  readonly #seen: number[] = [];

  constructor() {
    this.cache = new WatchCache({
      storage: this.storage,
      clock: this.clock,
      logger: silentLogger,
      fieldsOf: (_resource, object) =>
        new Map([['spec.nodeName', (object['spec'] as { nodeName: string }).nodeName]]),
    });
  }

  async turn(times = 1): Promise<void> {
    for (let turn = 0; turn < times; turn += 1)
      await new Promise<void>((resolve) => systemClock.setImmediate(resolve));
  }

  async step(step: Step): Promise<void> {
    const { sink } = ('which' in step && this.watchers[step.which]) || {};
    if (step.type === 'put') await this.#put(step.pods);
    else if (step.type === 'delete') await this.#delete(step.pods);
    else if (step.type === 'watch') this.#watch(step);
    else if (step.type === 'turn') await this.turn();
    else if (step.type === 'minute') this.clock.advance(60_000);
    else if (sink !== undefined) {
      sink.accepts = step.type === 'resume';
      if (sink.accepts) sink.drain();
    }
  }

  async settle(): Promise<void> {
    for (const { sink } of this.watchers) {
      sink.accepts = true;
      sink.drain();
    }
    await this.cache.waitCurrent();
    await this.turn(8);
  }

  async history(): Promise<Change[]> {
    const end = await this.storage.currentVersion();
    const changes: Change[] = [];
    if (end === emptyStoreVersion) return changes;
    for await (const batch of this.storage.watch(0, new AbortController().signal)) {
      for (const event of batch.events) {
        const object = event.type === 'put' ? JSON.parse(event.json.toString()) : undefined;
        const pod = object && {
          namespace: object.metadata.namespace,
          name: object.metadata.name,
          app: object.metadata.labels.app,
          node: object.spec.nodeName,
        };
        changes.push({ version: event.version, key: event.key, pod });
      }
      if (batch.version >= end) break;
    }
    return changes;
  }

  async #put(pods: readonly Pod[]): Promise<void> {
    const puts = [];
    for (const pod of pods) {
      const key = keyOf('/pods', pod.namespace, pod.name);
      puts.push({
        type: 'put' as const,
        key,
        object: toObject(pod),
        expected: (await this.storage.get(key))?.version ?? 0,
      });
    }
    await this.storage.commitEach(puts);
  }

  async #delete(pods: readonly Pod[]): Promise<void> {
    const found: StoredObject[] = [];
    for (const pod of pods) {
      const stored = await this.storage.get(keyOf('/pods', pod.namespace, pod.name));
      if (stored !== undefined) found.push(stored);
    }
    await this.storage.delete(found.map(({ key, version }) => ({ key, expected: version })));
  }

  #watch(step: Extract<Step, { type: 'watch' }>): void {
    const { index, start } = step;
    const sink = new RecordingSink();
    this.#seen.push(this.cache.version);
    const past = this.#seen.at(-1 - step.back) ?? this.cache.version;
    const request: CacheWatchRequest = {
      ...(wanted[index] as Wanted),
      resource: '/pods',
      fromVersion: start === 'past' ? past : undefined,
      sendInitialEvents: start === 'state',
      startWithState: false,
      bookmarks: true,
      encoding: encodings[step.encoding] as WatchEncoding,
    };
    const startVersion = start === 'past' ? past : this.cache.version;
    const watch = this.cache.watch(request, sink);
    this.watchers.push({ index, start: startVersion, withState: start === 'state', sink, watch });
  }
}

describe('every watcher', () => {
  it('gets each event that concerns it once, in order, and no bookmark ahead of one', async () => {
    let checked = 0;
    await fc.assert(
      fc.asyncProperty(fc.array(aStep, { minLength: 5, maxLength: 60 }), async (steps) => {
        const world = new World();
        const abort = new AbortController();
        const running = world.cache.run(abort.signal);
        await world.cache.whenReady();
        for (const step of steps) await world.step(step);
        await world.settle();
        const history = await world.history();
        for (const { index, start, withState, sink } of world.watchers) {
          const all = expectedFrames(history, index, start, withState);
          const told = sink.frames.filter(({ type }) => type !== 'BOOKMARK').length;
          const expected = sink.wasTooSlow ? all.slice(0, told) : all;
          expect(faultIn(sink.frames, expected)).toBeUndefined();
          checked += expected.length;
        }
        abort.abort();
        await running;
      }),
      { numRuns: 600 },
    );
    expect(checked).toBeGreaterThan(500);
  });
});

describe('the checker', () => {
  const frame = (version: number): Frame => ({ type: 'ADDED', version, name: 'a', app: 'x' });
  const good = [frame(1), frame(2), frame(3)];
  const bookmark = (version: number): Frame => ({ type: 'BOOKMARK', version, name: '', app: '' });

  it.each([
    ['a gap', [frame(1), frame(3)]],
    ['a missing end', [frame(1), frame(2)]],
    ['a repetition', [frame(1), frame(2), frame(2), frame(3)]],
    ['another order', [frame(2), frame(1), frame(3)]],
    ['a bookmark ahead', [frame(1), bookmark(2), frame(2), frame(3)]],
    ['another type', [{ ...frame(1), type: 'MODIFIED' }, frame(2), frame(3)]],
  ])('rejects %s', (_name, planted) => {
    expect(faultIn(planted, good)).toBeDefined();
  });

  it('accepts what is right', () => {
    expect(faultIn([frame(1), bookmark(1), frame(2), frame(3), bookmark(9)], good)).toBeUndefined();
  });
});
