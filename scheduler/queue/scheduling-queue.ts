/**
 * Pods that wait for a node, each in one of these places:
 *
 *   active         ready to be tried; highest priority first, then longest waiting
 *   in work        taken by the cycle, until it is done with the pod or gives it back
 *   back-off       something went wrong with it; comes back after 1 s, doubling to 10 s
 *   unschedulable  no node will do; comes back when something changes that helps it
 *   gated          has scheduling gates; comes back when they are removed
 *
 * A change that is shown to help brings a pod back at once, without waiting for a back-off. What no event wakes is
 * tried again after five minutes, should a helpful change have gone unrecognised.
 */
import type { Pod } from '../../api/generated/core-v1.ts';
import { type BackoffPolicy, backoffMs } from '../../base/backoff.ts';
import type { Clock, Timer } from '../../base/clock.ts';
import type { Random } from '../../base/random.ts';
import type { PodClass } from '../framework/pod-class.ts';
import { PriorityHeap } from './priority-heap.ts';

const backoff: BackoffPolicy = { initialMs: 1_000, maxMs: 10_000, factor: 2, jitter: 0 };
const retryUnschedulableAfterMs = 5 * 60_000;

type Place = 'active' | 'inWork' | 'backoff' | 'unschedulable' | 'gated';

export interface QueuedPod {
  readonly uid: string;
  /** The pod as last seen. */
  readonly pod: Pod;
  readonly podClass: PodClass;
  /** When it first came, on the monotonic clock. */
  readonly sinceMs: number;
  /** How often it was taken from the queue. */
  readonly attempts: number;
}

interface Entry extends QueuedPod {
  pod: Pod;
  podClass: PodClass;
  attempts: number;
  place: Place;
  /** Position among pods of its priority; changes whenever it becomes active again. */
  turn: number;
  timer: Timer | undefined;
}

interface Turn {
  readonly entry: Entry;
  readonly turn: number;
  readonly priority: number;
}

export class SchedulingQueue {
  readonly #clock: Clock;
  readonly #random: Random;
  readonly #entries = new Map<string, Entry>();
  readonly #active = new PriorityHeap<Turn>((left, right) =>
    left.priority === right.priority ? left.turn < right.turn : left.priority > right.priority,
  );
  readonly #places: Readonly<Record<Place, Set<Entry>>> = {
    active: new Set(),
    inWork: new Set(),
    backoff: new Set(),
    unschedulable: new Set(),
    gated: new Set(),
  };
  #lastTurn = 0;
  #wakeReader: (() => void) | undefined;

  constructor(clock: Clock, random: Random) {
    this.#clock = clock;
    this.#random = random;
  }

  /** How many pods wait where, for metrics. */
  get counts(): Readonly<Record<Place, number>> {
    const { active, inWork, backoff, unschedulable, gated } = this.#places;
    return {
      active: active.size,
      inWork: inWork.size,
      backoff: backoff.size,
      unschedulable: unschedulable.size,
      gated: gated.size,
    };
  }

  /** A pod that waits for a node, new or changed. */
  set(pod: Pod, podClass: PodClass): void {
    const { uid } = pod.metadata;
    const known = this.#entries.get(uid);
    const entry = known ?? this.#enter(pod, podClass);
    const changed = known === undefined || known.podClass !== podClass;
    entry.pod = pod;
    entry.podClass = podClass;
    if (isGated(pod)) this.#move(entry, 'gated');
    else if (entry.place === 'gated') this.#activate(entry);
    else if (changed && entry.place !== 'inWork' && entry.place !== 'backoff') this.#activate(entry);
  }

  /** The pod is gone, or has a node. */
  delete(uid: string): void {
    const entry = this.#entries.get(uid);
    if (entry === undefined) return;
    entry.timer?.cancel();
    this.#places[entry.place].delete(entry);
    this.#entries.delete(uid);
  }

  get(uid: string): QueuedPod | undefined {
    return this.#entries.get(uid);
  }

  /** Takes the next pod into work; undefined when none is active. */
  pop(): QueuedPod | undefined {
    for (let next = this.#active.pop(); next !== undefined; next = this.#active.pop()) {
      const { entry, turn } = next;
      // What left the active place otherwise is still in the heap and skipped here.
      if (entry.place !== 'active' || entry.turn !== turn || !this.#entries.has(entry.uid)) continue;
      entry.attempts += 1;
      this.#move(entry, 'inWork');
      return entry;
    }
    return undefined;
  }

  /** Takes this very pod into work, out of its turn; undefined when it is not ready to be tried. */
  take(uid: string): QueuedPod | undefined {
    const entry = this.#entries.get(uid);
    if (entry === undefined || (entry.place !== 'active' && entry.place !== 'unschedulable'))
      return undefined;
    entry.attempts += 1;
    this.#move(entry, 'inWork');
    return entry;
  }

  /** Gives back what was taken and not tried; it comes next among its priority's last. */
  putBack(uid: string): void {
    const entry = this.#entries.get(uid);
    if (entry?.place === 'inWork') this.#activate(entry);
  }

  /** No node will do: wait for a change that helps. */
  parkUnschedulable(uid: string): void {
    const entry = this.#entries.get(uid);
    if (entry === undefined || entry.place !== 'inWork') return;
    this.#move(entry, 'unschedulable');
    this.#activateAfter(entry, retryUnschedulableAfterMs);
  }

  /** Something went wrong that was not the pod's fault: try again after a back-off. */
  retryLater(uid: string): void {
    const entry = this.#entries.get(uid);
    if (entry?.place === 'inWork') this.#retryLater(entry);
  }

  /** Something changed: those unschedulable pods that `mayFit` now are tried again. */
  wake(mayFit: (pod: QueuedPod) => boolean): void {
    for (const entry of [...this.#places.unschedulable]) if (mayFit(entry)) this.#activate(entry);
  }

  /** What an unschedulable pod waited for came to nothing: it is tried again after a back-off. */
  backOff(uid: string): void {
    const entry = this.#entries.get(uid);
    if (entry?.place === 'unschedulable') this.#retryLater(entry);
  }

  waitingPods(): readonly Pod[] {
    return [...this.#entries.values()].map(({ pod }) => pod);
  }

  /** Something changed for this very pod. */
  wakeOne(uid: string): void {
    const entry = this.#entries.get(uid);
    if (entry?.place === 'unschedulable') this.#activate(entry);
  }

  /** Resolves when a pod is active, or `signal` aborts. */
  whenActive(signal: AbortSignal): Promise<void> {
    if (this.#places.active.size > 0 || signal.aborted) return Promise.resolve();
    return new Promise((resolve) => {
      const wake = (): void => {
        this.#wakeReader = undefined;
        signal.removeEventListener('abort', wake);
        resolve();
      };
      this.#wakeReader = wake;
      signal.addEventListener('abort', wake, { once: true });
    });
  }

  #enter(pod: Pod, podClass: PodClass): Entry {
    const entry: Entry = {
      uid: pod.metadata.uid,
      pod,
      podClass,
      sinceMs: this.#clock.monotonicMs(),
      attempts: 0,
      place: 'gated',
      turn: 0,
      timer: undefined,
    };
    this.#entries.set(entry.uid, entry);
    this.#places.gated.add(entry);
    return entry;
  }

  #activate(entry: Entry): void {
    this.#move(entry, 'active');
    this.#lastTurn += 1;
    entry.turn = this.#lastTurn;
    this.#active.push({ entry, turn: entry.turn, priority: entry.podClass.priority });
    this.#wakeReader?.();
  }

  #retryLater(entry: Entry): void {
    this.#move(entry, 'backoff');
    this.#activateAfter(entry, backoffMs(backoff, Math.max(0, entry.attempts - 1), this.#random));
  }

  #activateAfter(entry: Entry, delayMs: number): void {
    entry.timer = this.#clock.setTimer(delayMs, () => this.#activate(entry), { unref: true });
  }

  #move(entry: Entry, place: Place): void {
    entry.timer?.cancel();
    entry.timer = undefined;
    this.#places[entry.place].delete(entry);
    entry.place = place;
    this.#places[place].add(entry);
  }
}

export const isGated = (pod: Pod): boolean => (pod.spec.schedulingGates ?? []).length > 0;
