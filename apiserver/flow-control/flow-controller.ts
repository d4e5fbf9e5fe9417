/**
 * Priority and fairness: who may be carried out now, who waits, who is refused. A request is classified by the first
 * FlowSchema that it falls under, takes seats of that schema's priority level, or waits there in fair queues.
 *
 * The number of seats is small, since one event loop does the work: they bound how long a request that has just come
 * waits behind those that have begun, not how many connections there may be.
 *
 * A level always gets its own seats; it uses idle seats of the others up to what those reserve. Waiting requests start
 * in turns of the event loop, so that what arrives meanwhile is seen.
 *
 * Cost of a request that need not wait: one look at each schema before its own, no allocation but its seat.
 */
import type { FlowSchema, PriorityLevelConfiguration } from '../../api/generated/flowcontrol-v1.ts';
import { StatusError } from '../../api/status-error.ts';
import type { Clock } from '../../base/clock.ts';
import { Breathing } from './breathing.ts';
import { type FlowRequest, flowOf, inPrecedence, isUnder } from './flow-schema.ts';
import { Lending } from './lending.ts';
import { PacedRefusals } from './paced-refusals.ts';
import { limitsOf, PriorityLevel, type Taken, type Waiting } from './priority-level.ts';

/** A request waits no longer than this: a quarter of what a request may take. */
const maxWaitMs = 15_000;

/** Waiting requests of a level that are started in one turn of the event loop. */
const startsPerTurn = 4;

export interface FlowObserver {
  dispatched(level: string, schema: string, waitedSeconds: number): void;
  rejected(
    level: string,
    schema: string,
    reason: 'queue-full' | 'time-out' | 'concurrency-limit' | 'cancelled',
  ): void;
}

/** What a request holds while it is carried out. */
export interface Seat {
  readonly schemaUid: string;
  readonly levelUid: string;
  /** Idempotent. */
  release(): void;
}

/** Lets requests in, makes them wait, or refuses them. */
export interface RequestGate {
  /**
   * @param width seats that the request takes: 1, more for a long list
   * @param client its signal aborts when it waits no longer
   * @throws StatusError 429 when there is no room to wait in, or it waited too long
   */
  admit(request: FlowRequest, width: number, client: { readonly signal: AbortSignal }): Seat | Promise<Seat>;
}

interface Flow {
  readonly schema: FlowSchema;
  readonly level: PriorityLevel;
}

export interface FlowControllerOptions {
  readonly seats: number;
  readonly clock: Clock;
  /** For how long the event loop has been busy since its start. */
  busyMs(): number;
  readonly observer: FlowObserver;
}

export class FlowController implements RequestGate {
  readonly #total: number;
  readonly #clock: Clock;
  readonly #observer: FlowObserver;
  #schemas: readonly FlowSchema[] = [];
  #levels: ReadonlyMap<string, PriorityLevel> = new Map();
  readonly #refusals: PacedRefusals;
  readonly #lending: Lending;
  readonly #breathing: Breathing;
  #pumping = false;

  constructor(options: FlowControllerOptions) {
    this.#total = options.seats;
    this.#clock = options.clock;
    this.#observer = options.observer;
    this.#refusals = new PacedRefusals(options.clock);
    this.#lending = new Lending(options.seats);
    this.#breathing = new Breathing(options.clock, options.busyMs);
  }

  /** Takes a changed configuration. What waits in a level that stays keeps its place. */
  configure(schemas: readonly FlowSchema[], levels: readonly PriorityLevelConfiguration[]): void {
    const limits = limitsOf(levels, this.#total);
    const next = new Map<string, PriorityLevel>();
    for (const configuration of levels) {
      const known = this.#levels.get(configuration.metadata.name);
      const level = known?.isSameAs(configuration) === true ? known : new PriorityLevel(configuration);
      level.limits = limits.get(level.name) ?? level.limits;
      next.set(level.name, level);
    }
    const replaced = [...this.#levels.values()].filter((level) => next.get(level.name) !== level);
    this.#levels = next;
    this.#schemas = inPrecedence(
      schemas.filter(({ spec }) => next.has(spec.priorityLevelConfiguration.name)),
    );
    // What waited in a level that is gone is carried out: it was let in under the rules of its time.
    for (const level of replaced)
      for (let each = level.dequeue(); each !== undefined; each = level.dequeue()) each.start();
    this.#pump();
  }

  /** Seats in use and requests that wait, per level. */
  get levels(): Iterable<{ readonly name: string; readonly used: number; readonly waiting: number }> {
    return this.#levels.values();
  }

  admit(request: FlowRequest, width: number, client: { readonly signal: AbortSignal }): Seat | Promise<Seat> {
    const flow = this.#flowOf(request);
    if (flow === undefined || flow.level.isExempt) {
      if (this.#isWaiting) this.#breathing.passed();
      return exempt(flow);
    }
    const { level, schema } = flow;
    const seats = Math.max(1, Math.min(width, level.limits.nominal));
    const name = `${schema.metadata.name}\0${flowOf(schema, request)}`;
    const hasRoom = this.#startsAtOnce(level, name, seats);
    const asNewcomer = !hasRoom && this.#isNewcomer(level, name, seats);
    if (hasRoom || asNewcomer) {
      this.#observer.dispatched(level.name, schema.metadata.name, 0);
      if (this.#isWaiting) this.#breathing.passed();
      return this.#seat(flow, { flow: name, width: seats, asNewcomer });
    }
    return this.#wait(flow, name, seats, client.signal);
  }

  #flowOf(request: FlowRequest): Flow | undefined {
    const schema = this.#schemas.find((each) => isUnder(each, request));
    const level = schema && this.#levels.get(schema.spec.priorityLevelConfiguration.name);
    return schema === undefined || level === undefined ? undefined : { schema, level };
  }

  /** Who has nothing in the queues needs not wait behind those who have, while the level has seats of its own. */
  #startsAtOnce(level: PriorityLevel, flow: string, width: number): boolean {
    if (level.waiting === 0) return this.#fits(level, width);
    return level.used + width <= level.limits.nominal && !level.hasWaiting(flow);
  }

  /** Who has nothing at all here need not wait until others have done, unless many come like that. */
  #isNewcomer(level: PriorityLevel, flow: string, width: number): boolean {
    return !level.has(flow) && level.newcomers + width <= level.limits.nominal;
  }

  /** Whether `width` more seats are the level's own, or idle ones of others. */
  #fits(level: PriorityLevel, width: number): boolean {
    const wanted = level.used + width;
    if (wanted <= level.limits.nominal) return true;
    // It was let in before the level became smaller: it runs alone, or it and all behind it would wait for ever.
    if (level.used === 0 && width > level.limits.nominal) return true;
    if (wanted > level.limits.borrowingLimit) return false;
    if (wanted > level.limits.nominal + this.#lending.limit) return false;
    let taken = wanted;
    for (const other of this.#levels.values())
      if (other !== level && !other.isExempt) taken += Math.max(other.used, other.limits.reserved);
    return taken <= this.#total;
  }

  #seat({ level, schema }: Flow, taken: Taken): Seat {
    level.take(taken);
    let held = true;
    return {
      schemaUid: schema.metadata.uid,
      levelUid: level.uid,
      release: () => {
        if (!held) return;
        held = false;
        level.release(taken);
        this.#schedulePump();
      },
    };
  }

  #wait(flow: Flow, flowName: string, width: number, signal: AbortSignal): Promise<Seat> {
    const { level, schema } = flow;
    const startMs = this.#clock.monotonicMs();
    return new Promise((resolve, reject) => {
      const refuse = (reason: Parameters<FlowObserver['rejected']>[2]): void => {
        settle();
        this.#observer.rejected(level.name, schema.metadata.name, reason);
        // Nobody is there who could ask again.
        if (signal.aborted) reject(tooManyRequests());
        else if (!this.#refusals.add(flowName, () => reject(tooManyRequests()), signal))
          reject(new Overloaded());
      };
      const waiting: Waiting = {
        width,
        start: () => {
          settle();
          const seconds = (this.#clock.monotonicMs() - startMs) / 1000;
          this.#observer.dispatched(level.name, schema.metadata.name, seconds);
          resolve(this.#seat(flow, { flow: flowName, width, asNewcomer: false }));
        },
      };
      const leave = (reason: 'time-out' | 'cancelled') => (): void => {
        level.abandon(waiting);
        refuse(reason);
      };
      const onAbort = leave('cancelled');
      const timer = this.#clock.setTimer(maxWaitMs, leave('time-out'), { unref: true });
      const settle = (): void => {
        timer.cancel();
        signal.removeEventListener('abort', onAbort);
      };
      signal.addEventListener('abort', onAbort, { once: true });
      // Who has gone by now is not heard of again.
      if (signal.aborted) refuse('cancelled');
      else if (!level.enqueue(flowName, waiting)) refuse(level.queues ? 'queue-full' : 'concurrency-limit');
    });
  }

  #schedulePump(): void {
    if (this.#pumping || !this.#isWaiting) return;
    this.#pumping = true;
    const atMs = this.#clock.monotonicMs();
    this.#clock.setImmediate(() => {
      this.#lending.turned(this.#clock.monotonicMs() - atMs);
      const restMs = this.#breathing.restMs();
      if (restMs > 0) this.#clock.setTimer(restMs, () => this.#resume(), { unref: true });
      else this.#resume();
    });
  }

  #resume(): void {
    this.#pumping = false;
    this.#pump();
  }

  get #isWaiting(): boolean {
    for (const { waiting } of this.#levels.values()) if (waiting > 0) return true;
    return false;
  }

  /** Starts what fits now, a few of each level; what has arrived meanwhile is read before more is started. */
  #pump(): void {
    let isFull = false;
    for (const level of this.#levels.values()) {
      let started = 0;
      for (let next = level.next; next !== undefined && this.#fits(level, next.width); next = level.next) {
        if (started === startsPerTurn) {
          isFull = true;
          break;
        }
        started += 1;
        level.dequeue()?.start();
      }
    }
    if (isFull) this.#schedulePump();
  }
}

const nothing = (): void => undefined;

const exempt = (flow: Flow | undefined): Seat => ({
  schemaUid: flow?.schema.metadata.uid ?? '',
  levelUid: flow?.level.uid ?? '',
  release: nothing,
});

/** So many are refused already that this one is not even answered. */
export class Overloaded extends Error {
  readonly code = 'OVERLOADED';
}

/** 429 in Kubernetes' words. */
export function tooManyRequests(): StatusError {
  return new StatusError({
    reason: 'TooManyRequests',
    code: 429,
    message: 'too many requests, please try again later',
    details: { retryAfterSeconds: 1 },
  });
}
