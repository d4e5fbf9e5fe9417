/**
 * Three schedulers that see the pods late bind at the same time, with the real core and the real ledger of bindings.
 * Whatever the order, each pod that is let through stands, at its turn, on a node that breaks none of its rules.
 */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Pod } from '../../api/generated/core-v1.ts';
import {
  type BindingBatch,
  BindingLedger,
  type BindingView,
} from '../../apiserver/subresources/binding-ledger.ts';
import { Cluster } from '../../scheduler/cache/cluster.ts';
import { PlacementIndex } from '../../scheduler/cache/placement-index.ts';
import { PodClasses } from '../../scheduler/framework/pod-class.ts';
import { defaultPlugins } from '../../scheduler/plugin-registry.ts';
import { schedule } from '../../scheduler/schedule.ts';
import { leastLoaded } from '../../scheduler/strategies/least-loaded.ts';
import { aNode, aPod } from '../support/scheduling-objects.ts';
import { brokenRules, type World } from '../support/scheduling-reference.ts';

const host = 'kubernetes.io/hostname';
const nodes = ['a', 'b', 'c', 'd'].map((name, i) =>
  aNode({ name, cpu: '2', pods: 4, labels: { zone: i < 2 ? 'one' : 'two' } }),
);
const app = fc.constantFrom('x', 'y');
const term = fc.record({
  topologyKey: fc.constantFrom('zone', host),
  labelSelector: app.map((name) => ({ matchLabels: { app: name } })),
});
const rarely = <T>(value: fc.Arbitrary<T>): fc.Arbitrary<T[]> =>
  fc.oneof({ weight: 3, arbitrary: fc.constant<T[]>([]) }, { weight: 1, arbitrary: fc.tuple(value) });
const podDraft = fc.record({
  cpu: fc.constantFrom('100m', '700m', '2'),
  hostPort: rarely(fc.constant(80)),
  app,
  affinity: rarely(term),
  antiAffinity: rarely(term),
  spread: rarely(term),
});
type Draft = typeof podDraft extends fc.Arbitrary<infer T> ? T : never;

const step = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({
      kind: fc.constant('bind' as const),
      by: fc.nat(2),
      templates: fc.array(fc.nat(3), { minLength: 1, maxLength: 3 }),
    }),
  },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('hear' as const), by: fc.nat(2) }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('store' as const), at: fc.nat(5) }) },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('see' as const), by: fc.nat(2), pods: fc.nat(3) }) },
);
const race = fc.record({
  templates: fc.array(podDraft, { minLength: 4, maxLength: 4 }),
  steps: fc.array(step, { minLength: 5, maxLength: 40 }),
});
type Race = typeof race extends fc.Arbitrary<infer T> ? T : never;

function toPod(name: string, draft: Draft): Pod {
  const rules = (terms: Draft['affinity']) => ({ requiredDuringSchedulingIgnoredDuringExecution: terms });
  return aPod({
    ...{ name, cpu: draft.cpu, hostPorts: draft.hostPort, labels: { app: draft.app } },
    spec: {
      affinity: { podAffinity: rules(draft.affinity), podAntiAffinity: rules(draft.antiAffinity) },
      topologySpreadConstraints: draft.spread.map((each) => ({
        ...{ ...each, maxSkew: 1, whenUnsatisfiable: 'DoNotSchedule' },
      })),
    },
  });
}

interface Stored {
  readonly pod: Pod;
  readonly node: string;
  readonly version: number;
}

/** Sees the log of stored bindings up to a point, and what it has decided itself. */
class RacingScheduler {
  readonly name: string;
  readonly #cluster = new Cluster();
  readonly #classes = new PodClasses();
  readonly #index = new PlacementIndex(this.#cluster, defaultPlugins);
  /** Refused pods by request that is not heard of yet, the oldest first. */
  readonly #answers: Pod[][] = [];
  #sent = 0;
  #read = 0;
  seen = 0;

  constructor(name: string) {
    this.name = name;
    for (const node of nodes) this.#cluster.setNode(node);
  }

  /** Decides and sends; the answer waits to be heard. */
  bind(pods: readonly Pod[], server: RacingServer): void {
    const wishes = pods.flatMap((pod) => {
      const node = this.#choose(pod);
      return node === undefined ? [] : [{ pod, node }];
    });
    this.#sent += 1;
    const { name: writer, seen } = this;
    const view = { writer, seen, request: this.#sent, answered: this.#sent - 1 - this.#answers.length };
    this.#answers.push(server.bind(view, wishes));
  }

  hear(): void {
    for (const { metadata } of this.#answers.shift() ?? []) this.#cluster.forget(metadata.uid);
  }

  #choose(pod: Pod): string | undefined {
    const context = { cluster: this.#cluster, plugins: defaultPlugins, index: this.#index };
    const node = schedule(context, this.#classes.of(pod), leastLoaded)?.name;
    if (node !== undefined) this.#set(pod, node, true);
    return node;
  }

  see(log: readonly Stored[], count: number): void {
    for (const { pod, node, version } of log.slice(this.#read, this.#read + count)) {
      this.#set(pod, node, false);
      this.#read += 1;
      this.seen = version;
    }
  }

  #set(pod: Pod, nodeName: string, isAssumed: boolean): void {
    const { uid, name } = pod.metadata;
    const podClass = this.#classes.of(pod);
    this.#cluster.setPod({ ...{ uid, name, podClass, nodeName, isAssumed }, isLive: true });
  }
}

interface Outcome {
  readonly bound: number;
  readonly refused: number;
  readonly broken: readonly string[];
}

interface UnderWay {
  readonly batch: BindingBatch;
  readonly pods: readonly Omit<Stored, 'version'>[];
}

/** The API server's side: judges at once, stores in any order, answers late. */
class RacingServer {
  readonly log: Stored[] = [];
  readonly broken: string[] = [];
  readonly admitted: World['placed'][number][] = [];
  refused = 0;
  readonly #hasGuard: boolean;
  readonly #ledger = new BindingLedger();
  readonly #underWay: UnderWay[] = [];

  constructor(hasGuard: boolean) {
    this.#hasGuard = hasGuard;
  }

  /** @returns those refused */
  bind(view: BindingView, wishes: readonly { readonly pod: Pod; readonly node: string }[]): Pod[] {
    const { batch, isAllowed } = this.#ledger.judge(view, wishes);
    const allowed = wishes.filter((_, i) => isAllowed[i] === true || !this.#hasGuard);
    for (const { pod, node } of allowed) this.#admit(pod, node);
    this.#underWay.push({ batch, pods: allowed });
    const refused = wishes.filter((wish) => !allowed.includes(wish)).map(({ pod }) => pod);
    this.refused += refused.length;
    return refused;
  }

  store(at: number): void {
    const [done] = this.#underWay.splice(at % Math.max(1, this.#underWay.length), 1);
    for (const pod of done?.pods ?? []) this.log.push({ ...pod, version: this.log.length + 1 });
    done?.batch.settle(done.pods.length === 0 ? 0 : this.log.length);
  }

  #admit(pod: Pod, nodeName: string): void {
    const node = nodes.find(({ metadata }) => metadata.name === nodeName);
    if (node === undefined) return;
    this.broken.push(...brokenRules({ nodes, placed: this.admitted, namespaceLabels: {} }, pod, node));
    this.admitted.push({ pod, nodeName, isEnding: false });
  }
}

function run({ templates, steps }: Race, hasGuard: boolean): Outcome {
  const schedulers = ['one', 'two', 'three'].map((name) => new RacingScheduler(name));
  const server = new RacingServer(hasGuard);
  let created = 0;
  for (const each of steps) {
    if (each.kind === 'store') {
      server.store(each.at);
      continue;
    }
    const scheduler = schedulers[each.by] as RacingScheduler;
    if (each.kind === 'see') scheduler.see(server.log, each.pods);
    else if (each.kind === 'hear') scheduler.hear();
    else {
      const pods = each.templates.map((template) => {
        created += 1;
        return toPod(`pod-${created}`, templates[template] as Draft);
      });
      scheduler.bind(pods, server);
    }
  }
  const { admitted, refused, broken } = server;
  return { bound: admitted.length, refused, broken };
}

const options = {
  numRuns: 400,
  ...(process.env['SEED'] === undefined ? {} : { seed: Number(process.env['SEED']) }),
};

describe('schedulers that race', () => {
  it('never break a rule, and are refused only what others have changed', () => {
    let bound = 0;
    let refused = 0;
    fc.assert(
      fc.property(race, (each) => {
        const outcome = run(each, true);
        bound += outcome.bound;
        refused += outcome.refused;
        expect(outcome.broken).toEqual([]);
      }),
      options,
    );
    expect([bound > 1_000, refused > 100]).toEqual([true, true]);
  });

  it('would break rules if nobody kept them apart', () => {
    const found = fc.check(
      fc.property(race, (each) => run(each, false).broken.length === 0),
      options,
    );
    expect(found.failed).toBe(true);
  });
});
