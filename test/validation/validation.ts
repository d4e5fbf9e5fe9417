/**
 * Writers, readers, watchers and informers through two API servers on an etcd of three members, while all of them are
 * hurt; afterwards everything that anybody was told is held against the history of the store.
 */
import type { ConfigMap } from '../../api/generated/core-v1.ts';
import { configmaps } from '../../api/generated/resources.ts';
import { systemClock } from '../../base/clock.ts';
import { silentLogger } from '../../base/logger.ts';
import { type Random, seededRandom, systemRandom } from '../../base/random.ts';
import { Informer } from '../../client/informer.ts';
import { eventually } from '../support/eventually.ts';
import { EtcdTruth } from './etcd-truth.ts';
import { contradictions, type Operation } from './linearizability.ts';
import { ObservedWatcher } from './observed-watcher.ts';
import type { Truth } from './truth.ts';
import { TwoServers } from './two-servers.ts';
import { objectionsTo, type Segment } from './watch-checker.ts';
import { colors, Workload } from './workload.ts';

export interface ValidationOptions {
  readonly seed: number;
  /** How often all faults are done. */
  readonly rounds: number;
  readonly watchers: number;
  readonly writers: number;
  readonly log?: (line: string) => void;
}

export interface ValidationReport {
  readonly objections: readonly string[];
  readonly phases: readonly Phase[];
  readonly relists: number;
}

/** A time in which the history of the store is one line: a restore ends it. */
export interface Phase {
  readonly truth: Truth;
  readonly operations: readonly Operation[];
  readonly segments: readonly Segment[];
}

const namespace = 'default';
const prefix = `/registry/configmaps/${namespace}/`;
/** Changes between two faults. */
const changesBetweenFaults = 40;
const deadlineMs = 60_000;
/** Bytes of answers after which connections are cut: in the middle of whatever goes over them then. */
const maxBytesBeforeCut = 20_000;
const informerCount = 4;

export async function validate(options: ValidationOptions): Promise<ValidationReport> {
  const servers = await TwoServers.start();
  const life = new AbortController();
  try {
    const run = new Validation(options, servers, life.signal);
    return await run.run();
  } finally {
    life.abort();
    await servers.stop();
  }
}

class Validation {
  readonly #options: ValidationOptions;
  readonly #servers: TwoServers;
  readonly #signal: AbortSignal;
  readonly #random: Random;
  readonly #watchers: ObservedWatcher[] = [];
  readonly #informers: Informer<ConfigMap>[] = [];
  readonly #objections: string[] = [];
  #compacted = false;

  constructor(options: ValidationOptions, servers: TwoServers, signal: AbortSignal) {
    this.#options = options;
    this.#servers = servers;
    this.#signal = signal;
    this.#random = seededRandom(options.seed);
  }

  async run(): Promise<ValidationReport> {
    await this.#startWatching();
    const { etcd } = this.#servers;
    let restore: (() => Promise<void>) | undefined;
    const before = await this.#phase(async (progress) => {
      for (let round = 0; round < this.#options.rounds; round += 1) {
        await this.#hurt(round, progress);
        restore ??= etcd.snapshot();
      }
      await progress();
    });
    const known = this.#watchers.map(({ segments }) => segments.length);
    this.#log('restore an older snapshot');
    await restore?.();
    const after = await this.#phase((progress) => progress());
    const phases = [
      this.#judge(before, (watcher, at) => watcher.segments.slice(0, known[at])),
      this.#judge(after, (watcher, at) => watcher.segments.slice(known[at])),
    ];
    const relists = this.#watchers.reduce((sum, watcher) => sum + watcher.relists, 0);
    return { objections: this.#objections, phases, relists };
  }

  async #startWatching(): Promise<void> {
    for (let at = 0; at < this.#options.watchers; at += 1) {
      const client = await this.#servers.client();
      const color = [undefined, ...colors][at % 3];
      const watcher = new ObservedWatcher({ name: `watcher ${at}`, client, namespace, color });
      this.#watchers.push(watcher);
      void watcher.run(this.#signal);
    }
    const common = { clock: systemClock, random: systemRandom, logger: silentLogger };
    for (let at = 0; at < informerCount; at += 1) {
      const client = await this.#servers.client();
      const informer = new Informer<ConfigMap>({
        ...common,
        client,
        type: configmaps,
        selection: { namespace },
      });
      this.#informers.push(informer);
      void informer.run(this.#signal);
    }
  }

  /** Faults one after the other, with changes in between. */
  async #hurt(round: number, progress: () => Promise<void>): Promise<void> {
    const { etcd, proxy } = this.#servers;
    const which = round % 2 === 0 ? 0 : 1;
    const cut = (): void => proxy.cutAfter(Math.floor(this.#random.next() * maxBytesBeforeCut));
    const faults: readonly (readonly [string, () => Promise<void> | void])[] = [
      ['cut connections', cut],
      ['change the leader', () => etcd.changeLeader()],
      ['cut connections', cut],
      ['restart an API server', () => this.#servers.restart(which)],
      ['cut connections', cut],
      ['restart a member of etcd', () => etcd.restartMember(round % 3)],
      ['cut connections', cut],
      ['compact the history', () => this.#compact()],
      ['restart the other API server', () => this.#servers.restart(which === 0 ? 1 : 0)],
    ];
    for (const [what, make] of faults) {
      await progress();
      this.#log(what);
      await make();
    }
  }

  /** Up to here nobody had a reason to list again. */
  async #compact(): Promise<void> {
    const again = this.#watchers.filter(({ relists }) => relists > 0).length;
    if (!this.#compacted && again > 0)
      this.#objections.push(`${again} watchers listed again without a reason`);
    this.#compacted = true;
    await this.#servers.etcd.compact();
  }

  /** Writers and readers at work while `act` goes on; afterwards all have seen everything. */
  async #phase(act: (progress: () => Promise<void>) => Promise<void>): Promise<Recorded> {
    const source = new EtcdTruth(this.#servers.etcd.urls, prefix);
    await source.load();
    const life = new AbortController();
    const reading = source.run(life.signal);
    const workload = new Workload(namespace, this.#random);
    const working = new AbortController();
    const clients = await Promise.all(
      Array.from({ length: this.#options.writers }, () => this.#servers.client()),
    );
    const work = clients.map((client) => workload.run(client, working.signal));
    await act(() => progress(source));
    working.abort();
    await Promise.all(work);
    await this.#caughtUp(source);
    life.abort();
    await reading;
    return { truth: source.truth, operations: workload.operations };
  }

  /** Everybody ends with what is there. */
  async #caughtUp(source: EtcdTruth): Promise<void> {
    const client = await this.#servers.client();
    await eventually(async () => {
      const list = await client.list(configmaps, { namespace });
      if (source.truth.lastVersion > Number(list.resourceVersion) || source.revision === 0)
        throw new Error('the list is behind the store');
      const present = list.items.map(({ metadata }) => `${metadata.name} ${metadata.resourceVersion}`).sort();
      const state = source.truth.stateAt(Number.MAX_SAFE_INTEGER);
      expectSame(
        'the store',
        [...state.values()].map(({ name, version }) => `${name} ${version}`),
        present,
      );
      for (const [at, informer] of this.#informers.entries()) {
        const held = informer.lister.list(namespace);
        expectSame(
          `informer ${at}`,
          held.map(({ metadata }) => `${metadata.name} ${metadata.resourceVersion}`),
          present,
        );
      }
      for (const watcher of this.#watchers) {
        const last = source.truth.ofColor(watcher.color).at(-1)?.version ?? 0;
        if (watcher.seen < last) throw new Error(`${watcher.name} has seen ${watcher.seen} of ${last}`);
      }
    }, deadlineMs);
  }

  #judge(
    { truth, operations }: Recorded,
    segmentsOf: (watcher: ObservedWatcher, at: number) => readonly Segment[],
  ): Phase {
    const segments = this.#watchers.flatMap(segmentsOf);
    this.#objections.push(...segments.flatMap((segment) => objectionsTo(segment, truth)));
    this.#objections.push(...contradictions(operations, truth));
    return { truth, operations, segments };
  }

  #log(line: string): void {
    this.#options.log?.(line);
  }
}

interface Recorded {
  readonly truth: Truth;
  readonly operations: readonly Operation[];
}

/** Waits until the store has gone on for a while. */
async function progress(source: EtcdTruth): Promise<void> {
  const wanted = source.truth.events.length + changesBetweenFaults;
  await eventually(() => {
    const { length } = source.truth.events;
    if (source.revision > 0 && length < wanted) throw new Error(`${length} changes of ${wanted}`);
  }, deadlineMs);
}

function expectSame(who: string, held: readonly string[], present: readonly string[]): void {
  const [one, other] = [[...held].sort().join(', '), present.join(', ')];
  if (one !== other) throw new Error(`${who} holds ${one}, and there is ${other}`);
}
