/**
 * Waiting requests of one priority level, fair among flows: each flow is dealt a hand of queues and waits in the
 * shortest of them, so that a flow which fills its queues meets another flow in all of them only by rare chance;
 * queues are served by virtual time, which advances with the work that was done for each.
 *
 * Cost: a hand of `handSize` hashes to enter, one look at each queue that is not empty to leave.
 */
import { createHash } from 'node:crypto';

export interface QueueingOptions {
  readonly queues: number;
  readonly handSize: number;
  readonly queueLengthLimit: number;
}

interface Queue<T> {
  readonly items: { readonly item: T; readonly work: number; readonly flow: string }[];
  /** Virtual time at which its first item starts. */
  nextStart: number;
}

const maxHands = 4_096;

export class FairQueues<T> {
  readonly #options: QueueingOptions;
  readonly #queues = new Map<number, Queue<T>>();
  readonly #hands = new Map<string, readonly number[]>();
  /** Virtual time: the start of what was last taken. */
  #now = 0;
  #length = 0;
  /** Items that wait, of each flow that has any. */
  readonly #waiting = new Map<string, number>();

  constructor(options: QueueingOptions) {
    this.#options = options;
  }

  get length(): number {
    return this.#length;
  }

  /** False when the shortest queue of the flow's hand is full. */
  add(flow: string, item: T, work: number): boolean {
    let chosen = -1;
    let shortest = this.#options.queueLengthLimit;
    for (const index of this.#handOf(flow)) {
      const length = this.#queues.get(index)?.items.length ?? 0;
      if (length >= shortest) continue;
      shortest = length;
      chosen = index;
    }
    if (chosen < 0) return false;
    const queue = this.#queues.get(chosen) ?? { items: [], nextStart: this.#now };
    // A queue that was empty has no claim on the past.
    if (queue.items.length === 0) queue.nextStart = Math.max(queue.nextStart, this.#now);
    queue.items.push({ item, work, flow });
    this.#waiting.set(flow, (this.#waiting.get(flow) ?? 0) + 1);
    this.#queues.set(chosen, queue);
    this.#length += 1;
    return true;
  }

  /** Whether anything of `flow` waits. */
  has(flow: string): boolean {
    return this.#waiting.has(flow);
  }

  #left(flow: string): void {
    this.#length -= 1;
    const left = (this.#waiting.get(flow) ?? 1) - 1;
    if (left > 0) this.#waiting.set(flow, left);
    else this.#waiting.delete(flow);
  }

  /** The item whose turn it is. */
  peek(): T | undefined {
    return this.#first()?.queue.items[0]?.item;
  }

  take(): T | undefined {
    const first = this.#first();
    const taken = first?.queue.items.shift();
    if (first === undefined || taken === undefined) return undefined;
    this.#left(taken.flow);
    this.#now = first.queue.nextStart;
    first.queue.nextStart += taken.work;
    return taken.item;
  }

  /** Takes `item` out of the line. */
  remove(item: T): boolean {
    for (const queue of this.#queues.values()) {
      const at = queue.items.findIndex((each) => each.item === item);
      if (at < 0) continue;
      for (const { flow } of queue.items.splice(at, 1)) this.#left(flow);
      return true;
    }
    return false;
  }

  #first(): { readonly queue: Queue<T> } | undefined {
    if (this.#length === 0) return undefined;
    let first: Queue<T> | undefined;
    for (const [index, queue] of this.#queues) {
      // An empty queue that time has caught up with remembers nothing.
      if (queue.items.length === 0) {
        if (queue.nextStart <= this.#now) this.#queues.delete(index);
      } else if (first === undefined || queue.nextStart < first.nextStart) first = queue;
    }
    return first === undefined ? undefined : { queue: first };
  }

  #handOf(flow: string): readonly number[] {
    const known = this.#hands.get(flow);
    if (known !== undefined) return known;
    if (this.#hands.size >= maxHands) this.#hands.clear();
    const hand = dealHand(flow, this.#options);
    this.#hands.set(flow, hand);
    return hand;
  }
}

/** `handSize` different queues, the same for a flow each time and, for two flows, seldom the same. */
export function dealHand(flow: string, { queues, handSize }: QueueingOptions): number[] {
  let entropy = createHash('sha256').update(flow).digest().readBigUInt64BE();
  const deck = Array.from({ length: queues }, (_, index) => index);
  const hand: number[] = [];
  while (hand.length < Math.min(handSize, queues)) {
    const at = Number(entropy % BigInt(deck.length));
    entropy /= BigInt(deck.length);
    hand.push(...deck.splice(at, 1));
  }
  return hand;
}
