import type { PriorityLevelConfiguration } from '../../api/generated/flowcontrol-v1.ts';
import { FairQueues } from './fair-queues.ts';

/** A request that waits for its seats. */
export interface Waiting {
  readonly width: number;
  /** Called once: it has its seats. */
  start(): void;
}

/** What a request holds. */
export interface Taken {
  readonly flow: string;
  readonly width: number;
  /** Not out of the level's seats. */
  readonly asNewcomer: boolean;
}

/** What a level may use. Seats: requests of width 1 that it may carry out at the same time. */
export interface LevelLimits {
  /** Its own, which it gets whatever the others do. */
  readonly nominal: number;
  /** Of its own, what others may not use even while it does not. */
  readonly reserved: number;
  /** The most it may use, those of others included. */
  readonly borrowingLimit: number;
}

/** One priority level at work: who uses its seats, and who waits for them. */
export class PriorityLevel {
  readonly name: string;
  readonly uid: string;
  readonly isExempt: boolean;
  readonly #queues: FairQueues<Waiting> | undefined;
  readonly #specification: string;
  limits: LevelLimits = { nominal: 0, reserved: 0, borrowingLimit: 0 };
  #used = 0;
  #newcomers = 0;
  /** Requests that hold seats, of each flow that has any. */
  readonly #serving = new Map<string, number>();

  constructor(configuration: PriorityLevelConfiguration) {
    this.name = configuration.metadata.name;
    this.uid = configuration.metadata.uid;
    this.isExempt = configuration.spec.type === 'Exempt';
    this.#specification = JSON.stringify(configuration.spec);
    const response = configuration.spec.limited?.limitResponse;
    const { queues = 64, handSize = 8, queueLengthLimit = 50 } = response?.queuing ?? {};
    this.#queues =
      response?.type === 'Queue' ? new FairQueues({ queues, handSize, queueLengthLimit }) : undefined;
  }

  isSameAs(configuration: PriorityLevelConfiguration): boolean {
    return (
      this.uid === configuration.metadata.uid && this.#specification === JSON.stringify(configuration.spec)
    );
  }

  /** Whether requests may wait here; else they are refused at once. */
  get queues(): boolean {
    return this.#queues !== undefined;
  }

  get waiting(): number {
    return this.#queues?.length ?? 0;
  }

  /** Seats in use, those of newcomers besides. */
  get used(): number {
    return this.#used;
  }

  /** Seats, as many again as the level's own at most, of those who had nothing here when they came. */
  get newcomers(): number {
    return this.#newcomers;
  }

  take({ flow, width, asNewcomer }: Taken): void {
    if (asNewcomer) this.#newcomers += width;
    else this.#used += width;
    this.#serving.set(flow, (this.#serving.get(flow) ?? 0) + 1);
  }

  release({ flow, width, asNewcomer }: Taken): void {
    if (asNewcomer) this.#newcomers -= width;
    else this.#used -= width;
    const left = (this.#serving.get(flow) ?? 1) - 1;
    if (left > 0) this.#serving.set(flow, left);
    else this.#serving.delete(flow);
  }

  /** Whether a request of `flow` holds seats or waits. */
  has(flow: string): boolean {
    return this.#serving.has(flow) || this.hasWaiting(flow);
  }

  /** Whether a request of `flow` waits. */
  hasWaiting(flow: string): boolean {
    return this.#queues?.has(flow) === true;
  }

  /** False when there is no room to wait in. */
  enqueue(flow: string, request: Waiting): boolean {
    return this.#queues?.add(flow, request, request.width) === true;
  }

  /** Whose turn it is. */
  get next(): Waiting | undefined {
    return this.#queues?.peek();
  }

  dequeue(): Waiting | undefined {
    return this.#queues?.take();
  }

  abandon(request: Waiting): boolean {
    return this.#queues?.remove(request) === true;
  }
}

/** How `total` seats are shared, by nominal concurrency shares. @see PriorityLevelConfiguration, flowcontrol v1 */
export function limitsOf(
  configurations: readonly PriorityLevelConfiguration[],
  total: number,
): ReadonlyMap<string, LevelLimits> {
  const sharesOf = ({ spec }: PriorityLevelConfiguration): number =>
    spec.type === 'Exempt'
      ? (spec.exempt?.nominalConcurrencyShares ?? 0)
      : (spec.limited?.nominalConcurrencyShares ?? 30);
  const sum = configurations.reduce((shares, each) => shares + sharesOf(each), 0);
  return new Map(
    configurations.map((each) => {
      const nominal = sum === 0 ? 0 : Math.ceil((total * sharesOf(each)) / sum);
      const { lendablePercent = 0 } =
        (each.spec.type === 'Exempt' ? each.spec.exempt : each.spec.limited) ?? {};
      const borrowing = each.spec.limited?.borrowingLimitPercent;
      const reserved = nominal - Math.round((nominal * lendablePercent) / 100);
      const borrowingLimit =
        borrowing === undefined ? total : nominal + Math.round((nominal * borrowing) / 100);
      return [each.metadata.name, { nominal, reserved, borrowingLimit }];
    }),
  );
}
