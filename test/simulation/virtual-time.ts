/**
 * Time of a simulated world. Nothing happens but what is scheduled, in order of its time; between two happenings every
 * promise that can settle does so. So a run is a function of its seed.
 *
 * At one instant the order is that of an event loop: timers, then what has arrived, then immediates.
 *
 * INVARIANT: time moves only when nothing is left to do now.
 */

export type Phase = 'timer' | 'arrival' | 'immediate';

const phaseOrder: Readonly<Record<Phase, number>> = { timer: 0, arrival: 1, immediate: 2 };

export interface Happening {
  readonly atMs: number;
  readonly phase: Phase;
  readonly sequence: number;
  readonly run: () => void;
  cancelled: boolean;
}

/** Wall time at which every simulation begins. */
export const startMs: number = Date.UTC(2026, 0, 1);

export class VirtualTime {
  #heap: Happening[] = [];
  #nowMs = 0;
  #sequence = 0;
  #steps = 0;

  /** Milliseconds since the beginning. */
  get nowMs(): number {
    return this.#nowMs;
  }

  /** Happenings so far. */
  get steps(): number {
    return this.#steps;
  }

  schedule(delayMs: number, phase: Phase, run: () => void): Happening {
    const atMs = this.#nowMs + Math.max(0, delayMs);
    this.#sequence += 1;
    const happening = { atMs, phase, sequence: this.#sequence, run, cancelled: false };
    this.#push(happening);
    return happening;
  }

  /** Lets the world go on until `atMs`, or until `isOver`. */
  async runUntil(atMs: number, isOver: () => boolean = () => false): Promise<void> {
    await settle();
    for (let next = this.#heap[0]; next !== undefined && next.atMs <= atMs; next = this.#heap[0]) {
      if (isOver()) return;
      this.#pop();
      if (next.cancelled) continue;
      this.#nowMs = next.atMs;
      this.#steps += 1;
      next.run();
      await settle();
    }
    if (!isOver()) this.#nowMs = Math.max(this.#nowMs, atMs);
  }

  #push(happening: Happening): void {
    const heap = this.#heap;
    let at = heap.push(happening) - 1;
    while (at > 0) {
      const parent = (at - 1) >>> 1;
      const above = heap[parent] as Happening;
      if (isBefore(above, happening)) break;
      heap[at] = above;
      at = parent;
    }
    heap[at] = happening;
  }

  #pop(): void {
    const heap = this.#heap;
    const last = heap.pop();
    if (last === undefined || heap.length === 0) return;
    let at = 0;
    for (;;) {
      let child = 2 * at + 1;
      if (child >= heap.length) break;
      const right = heap[child + 1];
      if (right !== undefined && isBefore(right, heap[child] as Happening)) child += 1;
      const below = heap[child] as Happening;
      if (isBefore(last, below)) break;
      heap[at] = below;
      at = child;
    }
    heap[at] = last;
  }
}

function isBefore(left: Happening, right: Happening): boolean {
  if (left.atMs !== right.atMs) return left.atMs < right.atMs;
  if (left.phase !== right.phase) return phaseOrder[left.phase] < phaseOrder[right.phase];
  return left.sequence < right.sequence;
}

/** A turn of the real event loop: by its end every promise that can settle has. */
export function settle(): Promise<void> {
  return new Promise((resolve) => {
    setImmediate(resolve);
  });
}
