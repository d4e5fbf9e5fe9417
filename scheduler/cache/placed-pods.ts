import type { PodClass } from '../framework/pod-class.ts';
import { Chains } from './chains.ts';

export interface PlacedPod {
  readonly uid: string;
  readonly name: string;
  readonly podClass: PodClass;
  readonly nodeName: string;
  /** Not being deleted. */
  readonly isLive: boolean;
  readonly isAssumed: boolean;
  /** When it began to run, in ms since the epoch; for preemption, which spares the pods that ran longest. */
  readonly startMs?: number | undefined;
}

/**
 * All pods that have a node: by uid, by the slot of the node, and by class. A pod has a number as long as it is here,
 * and slots and classes are lists of such numbers.
 *
 * INVARIANT: a pod is in the list of exactly one slot and one class.
 */
export class PlacedPods {
  readonly #numbers = new Map<string, number>();
  readonly #pods: (PlacedPod | undefined)[] = [];
  readonly #slots: number[] = [];
  readonly #periods: number[] = [];
  readonly #free: number[] = [];
  readonly #bySlot = new Chains();
  readonly #byClass = new Chains();
  readonly #classes = new Map<PodClass, number>();
  readonly #freeClasses: number[] = [];

  get size(): number {
    return this.#numbers.size;
  }

  get all(): Iterable<PlacedPod> {
    return this.#each(this.#numbers.values());
  }

  /** Those of which some pod is here. */
  get classes(): Iterable<PodClass> {
    return this.#classes.keys();
  }

  get(uid: string): PlacedPod | undefined {
    const number = this.#numbers.get(uid);
    return number === undefined ? undefined : this.#pods[number];
  }

  /** In the order in which they came. */
  on(slot: number): PlacedPod[] {
    return [...this.#each(this.#bySlot.members(slot))];
  }

  /** Calls `look` for each pod of a class. */
  eachOf(podClass: PodClass, look: (slot: number, isLive: boolean) => void): void {
    const list = this.#classes.get(podClass);
    if (list === undefined) return;
    for (let number = this.#byClass.first(list); number >= 0; number = this.#byClass.next(number))
      look(this.#slots[number] ?? 0, this.#pods[number]?.isLive === true);
  }

  /** The reporting period of its node in which it came. */
  periodOf(uid: string): number | undefined {
    const number = this.#numbers.get(uid);
    return number === undefined ? undefined : this.#periods[number];
  }

  /** A pod that is not here yet. */
  add(pod: PlacedPod, { slot, period }: { readonly slot: number; readonly period: number }): void {
    const number = this.#free.pop() ?? this.#pods.length;
    this.#numbers.set(pod.uid, number);
    this.#pods[number] = pod;
    this.#slots[number] = slot;
    this.#periods[number] = period;
    this.#bySlot.add(slot, number);
    this.#byClass.add(this.#listOf(pod.podClass), number);
  }

  /** The same pod, class and node, told anew. */
  replace(pod: PlacedPod): void {
    const number = this.#numbers.get(pod.uid);
    if (number !== undefined) this.#pods[number] = pod;
  }

  /** @returns the slot where it was; -1 for one that is not here */
  remove({ uid, podClass }: PlacedPod): number {
    const number = this.#numbers.get(uid);
    const list = this.#classes.get(podClass);
    if (number === undefined || list === undefined) return -1;
    const slot = this.#slots[number] ?? 0;
    this.#numbers.delete(uid);
    this.#pods[number] = undefined;
    this.#bySlot.remove(slot, number);
    this.#byClass.remove(list, number);
    this.#free.push(number);
    if (this.#byClass.isEmpty(list)) {
      this.#classes.delete(podClass);
      this.#freeClasses.push(list);
    }
    return slot;
  }

  #listOf(podClass: PodClass): number {
    const known = this.#classes.get(podClass);
    if (known !== undefined) return known;
    const list = this.#freeClasses.pop() ?? this.#classes.size;
    this.#classes.set(podClass, list);
    return list;
  }

  *#each(numbers: Iterable<number>): Generator<PlacedPod> {
    for (const number of numbers) {
      const pod = this.#pods[number];
      if (pod !== undefined) yield pod;
    }
  }
}
