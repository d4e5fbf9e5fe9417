/**
 * Wakes unschedulable pods when something changed with which a node would take them. Changes of one turn are looked
 * at together: a pod that looks at one node at a time is asked about the nodes that changed, one that looks at other
 * pods, too, is asked whether any node will do. However many pods wait, asking takes a tenth of the time at most.
 */
import type { Clock, Timer } from '../base/clock.ts';
import type { Cluster } from './cache/cluster.ts';
import type { PodClass } from './framework/pod-class.ts';
import type { SchedulingQueue } from './queue/scheduling-queue.ts';
import { fitsSomewhere, type SchedulingContext } from './schedule.ts';

const restPerWork = 9;

export interface WakerOptions {
  readonly cluster: Cluster;
  readonly queue: SchedulingQueue;
  readonly contextOf: (pod: PodClass) => SchedulingContext | undefined;
  readonly clock: Clock;
}

export class Waker {
  readonly #options: WakerOptions;
  readonly #nodes = new Set<string>();
  #podsChanged = false;
  #termsWentAway = false;
  #due: Timer | undefined;
  #restUntilMs = 0;

  constructor(options: WakerOptions) {
    this.#options = options;
  }

  /** A node came, changed, or has more room. */
  nodeChanged(name: string): void {
    this.#nodes.add(name);
    this.#schedule();
  }

  /** Pods came, went, or began to end. @param removed one that went, and with it what it forbade */
  podsChanged(removed?: PodClass): void {
    this.#podsChanged = true;
    if (removed !== undefined && removed.affinity.requiredAnti.length > 0) this.#termsWentAway = true;
    this.#schedule();
  }

  #schedule(): void {
    const { clock, queue } = this.#options;
    if (this.#due !== undefined) return;
    if (queue.counts.unschedulable === 0) {
      this.#forget();
      return;
    }
    const restMs = this.#restUntilMs - clock.monotonicMs();
    const run = (): void => this.#wake();
    this.#due = restMs > 0 ? clock.setTimer(restMs, run, { unref: true }) : clock.setImmediate(run);
  }

  #wake(): void {
    const { clock, queue, cluster, contextOf } = this.#options;
    const startMs = clock.monotonicMs();
    this.#due = undefined;
    const nodes = [...this.#nodes].flatMap((name) => cluster.node(name) ?? []);
    const [podsChanged, termsWentAway] = [this.#podsChanged, this.#termsWentAway];
    this.#forget();
    for (const { nominations } of nodes) for (const { uid } of nominations) queue.wakeOne(uid);
    queue.wake((pod) => {
      const context = contextOf(pod);
      if (context === undefined) return false;
      if (termsWentAway || (podsChanged && looksAtOtherPods(pod))) return fitsSomewhere(context, pod);
      const local = context.index.localOf(pod);
      return nodes.some((node) => local.admits(node));
    });
    const endMs = clock.monotonicMs();
    this.#restUntilMs = endMs + restPerWork * (endMs - startMs);
  }

  #forget(): void {
    this.#nodes.clear();
    this.#podsChanged = false;
    this.#termsWentAway = false;
  }
}

const looksAtOtherPods = ({ affinity, spread, volumes }: PodClass): boolean =>
  (volumes.exclusive ?? []).length > 0 ||
  affinity.required.length > 0 ||
  affinity.requiredAnti.length > 0 ||
  spread.some(({ isHard }) => isHard);
