/**
 * Of several processes one leads: it holds a Lease and renews it. The others take over when they have watched the
 * lease unchanged for its whole duration.
 *
 * Nobody compares clocks: a candidate measures on its own clock how long the lease it sees stays the same, and does
 * not count the time in which it stood still itself. A leader gives up after `renewDeadlineMs` without success plus
 * one last attempt, which is before anyone may take over; so a pause of a process or of the API shorter than that
 * moves nothing, and after a longer one the last attempt tells whether anyone did.
 *
 * A process that stood still for longer than the lease wakes up with its work half done and does not know yet that
 * another leads: so writes of led work wait for `whenSure`, see `fencedClient`.
 *
 * INVARIANTS: renewDeadlineMs + lastAttemptMs < leaseDurationMs; a release follows the end of the led work; while
 * `whenSure` answers true nobody else can have taken the lease.
 */

import type { Lease, LeaseSpec } from '../api/generated/coordination-v1.ts';
import { leases } from '../api/generated/resources.ts';
import { isAlreadyExists, isConflict, isNotFound } from '../api/status-error.ts';
import { type Clock, delay, toMicroTime } from '../base/clock.ts';
import { invariant } from '../base/invariant.ts';
import type { Logger } from '../base/logger.ts';
import type { Random } from '../base/random.ts';
import type { ApiClient, ObjectRef } from './client.ts';

const lastAttemptMs = 2_000;
const releaseTimeoutMs = 2_000;

export interface LeaderElectorOptions {
  readonly client: Pick<ApiClient, 'get' | 'create' | 'update'>;
  /** Of the Lease. Default namespace `kube-system`. */
  readonly name: string;
  readonly namespace?: string | undefined;
  /** Distinguishes this process. One that comes back with the same identity takes its lease at once. */
  readonly identity: string;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  /** Default 15 s. */
  readonly leaseDurationMs?: number | undefined;
  /** Default 10 s. */
  readonly renewDeadlineMs?: number | undefined;
  /** Between attempts, plus up to a fifth. Default 2 s. */
  readonly retryPeriodMs?: number | undefined;
  /** Written on the Lease with every renewal of this process; undefined takes one away. */
  readonly annotations?: (() => Readonly<Record<string, string | undefined>>) | undefined;
}

export class LeaderElector {
  readonly #options: LeaderElectorOptions;
  readonly #ref: ObjectRef;
  readonly #leaseDurationMs: number;
  readonly #renewDeadlineMs: number;
  readonly #retryPeriodMs: number;
  /** As last seen; undefined when an attempt ended without telling. */
  #lease: Lease | undefined;
  #unchanged: { readonly resourceVersion: string; forMs: number; seenAtMs: number } | undefined;
  #isLeader = false;
  /** Start of the last attempt that succeeded. */
  #renewedAtMs = Number.NEGATIVE_INFINITY;
  readonly #unsure = new Set<() => void>();

  constructor(options: LeaderElectorOptions) {
    this.#options = options;
    this.#ref = { namespace: options.namespace ?? 'kube-system', name: options.name };
    this.#leaseDurationMs = options.leaseDurationMs ?? 15_000;
    this.#renewDeadlineMs = options.renewDeadlineMs ?? 10_000;
    this.#retryPeriodMs = options.retryPeriodMs ?? 2_000;
    invariant(
      this.#renewDeadlineMs + lastAttemptMs < this.#leaseDurationMs,
      'renew deadline and last attempt must end before the lease does',
    );
  }

  get isLeader(): boolean {
    return this.#isLeader;
  }

  /** Whether this process leads, on proof: when the last renewal is too old, the next one decides. */
  async whenSure(): Promise<boolean> {
    while (this.#isLeader && !this.#isSure)
      await new Promise<void>((resolve) => {
        this.#unsure.add(resolve);
      });
    return this.#isLeader;
  }

  get #isSure(): boolean {
    const provenForMs = this.#renewDeadlineMs + lastAttemptMs;
    return this.#options.clock.monotonicMs() - this.#renewedAtMs < provenForMs;
  }

  #tellUnsure(): void {
    const unsure = [...this.#unsure];
    this.#unsure.clear();
    for (const wake of unsure) wake();
  }

  /**
   * Runs `lead` whenever this process leads; its signal aborts when the lead is lost or `signal` aborts, and it must
   * then end. Resolves when `signal` aborts or `lead` returns by itself. @throws what `lead` throws
   */
  async runAsLeader(signal: AbortSignal, lead: (signal: AbortSignal) => Promise<void>): Promise<void> {
    while (!signal.aborted) {
      if (!(await this.#acquire(signal))) return;
      const lost = await this.#leadUntilLost(signal, lead);
      if (!lost) return;
    }
  }

  async #leadUntilLost(signal: AbortSignal, lead: (signal: AbortSignal) => Promise<void>): Promise<boolean> {
    const { logger, identity, name } = this.#options;
    this.#isLeader = true;
    logger.info({ lease: name, identity }, 'leading');
    const leading = new AbortController();
    const stopRenewing = new AbortController();
    const work = lead(AbortSignal.any([signal, leading.signal]));
    const renewing = this.#renewUntilLost(stopRenewing.signal).finally(() => {
      this.#isLeader = false;
      this.#tellUnsure();
      leading.abort();
    });
    try {
      await work;
    } finally {
      stopRenewing.abort();
      this.#isLeader = false;
      this.#tellUnsure();
    }
    const lost = (await renewing) === 'lost';
    if (lost) logger.warn({ lease: name, identity }, 'lost the lead');
    else await this.#release();
    return lost;
  }

  /** @returns false when `signal` aborted first. */
  async #acquire(signal: AbortSignal): Promise<boolean> {
    const { clock, logger, name } = this.#options;
    while (!signal.aborted) {
      const outcome = await this.#attempt(this.#renewDeadlineMs);
      if (outcome === 'held') return true;
      logger.debug({ lease: name, outcome }, 'not leading');
      await delay(clock, this.#retryDelayMs(), signal);
    }
    return false;
  }

  async #renewUntilLost(signal: AbortSignal): Promise<'lost' | 'stopped'> {
    const { clock } = this.#options;
    for (;;) {
      await delay(clock, this.#retryDelayMs(), signal);
      if (signal.aborted) return 'stopped';
      const startedAtMs = clock.monotonicMs();
      const leftMs = this.#renewedAtMs + this.#renewDeadlineMs - startedAtMs;
      const outcome = await this.#attempt(Math.max(leftMs, lastAttemptMs));
      if (outcome === 'held') this.#tellUnsure();
      else if (outcome === 'other') return 'lost';
      else if (leftMs <= 0) return 'lost';
    }
  }

  #retryDelayMs(): number {
    return this.#retryPeriodMs * (1 + 0.2 * this.#options.random.next());
  }

  async #attempt(timeoutMs: number): Promise<'held' | 'other' | 'unknown'> {
    const startedAtMs = this.#options.clock.monotonicMs();
    try {
      const outcome = await this.#withTimeout(this.#tryToHold(), timeoutMs);
      if (outcome === 'held') this.#renewedAtMs = startedAtMs;
      return outcome;
    } catch (error) {
      this.#lease = undefined;
      // Someone else wrote it meanwhile: the next attempt reads it first.
      if (!isConflict(error) && !isAlreadyExists(error))
        this.#options.logger.debug({ err: error, lease: this.#ref.name }, 'attempt to hold lease');
      return 'unknown';
    }
  }

  async #tryToHold(): Promise<'held' | 'other'> {
    const { client, identity } = this.#options;
    const known = this.#lease;
    const current = known?.spec.holderIdentity === identity ? known : await this.#read();
    if (current === undefined) {
      this.#lease = await client.create(leases, this.#newLease());
      return 'held';
    }
    this.#lease = current;
    if (!this.#mayTake(current)) return 'other';
    const metadata = { ...current.metadata, ...this.#annotationsOn(current.metadata.annotations) };
    this.#lease = await client.update(leases, { ...current, metadata, spec: this.#nextSpec(current.spec) });
    return 'held';
  }

  async #read(): Promise<Lease | undefined> {
    try {
      return await this.#options.client.get(leases, this.#ref);
    } catch (error) {
      if (isNotFound(error)) return undefined;
      throw error;
    }
  }

  #mayTake(lease: Lease): boolean {
    const holder = lease.spec.holderIdentity ?? '';
    if (holder === '' || holder === this.#options.identity) return true;
    const now = this.#options.clock.monotonicMs();
    const { resourceVersion } = lease.metadata;
    if (this.#unchanged?.resourceVersion !== resourceVersion) {
      this.#unchanged = { resourceVersion, forMs: 0, seenAtMs: now };
      return false;
    }
    // A longer gap means that this process or the API stood still, and then perhaps the leader did, too.
    this.#unchanged.forMs += Math.min(now - this.#unchanged.seenAtMs, 2 * this.#retryPeriodMs);
    this.#unchanged.seenAtMs = now;
    return this.#unchanged.forMs >= (lease.spec.leaseDurationSeconds ?? 0) * 1_000;
  }

  #nextSpec(spec: LeaseSpec): LeaseSpec {
    const now = toMicroTime(this.#options.clock.nowMs());
    const { identity } = this.#options;
    const taken = spec.holderIdentity !== identity;
    return {
      ...spec,
      holderIdentity: identity,
      leaseDurationSeconds: Math.ceil(this.#leaseDurationMs / 1_000),
      acquireTime: taken ? now : spec.acquireTime,
      renewTime: now,
      leaseTransitions: (spec.leaseTransitions ?? 0) + (taken ? 1 : 0),
    };
  }

  #annotationsOn(known: Readonly<Record<string, string>> = {}): {
    readonly annotations?: Record<string, string>;
  } {
    const own = this.#options.annotations?.();
    if (own === undefined) return {};
    const annotations: Record<string, string> = { ...known };
    for (const [key, value] of Object.entries(own))
      if (value === undefined) delete annotations[key];
      else annotations[key] = value;
    return { annotations };
  }

  #newLease(): { apiVersion: 'coordination.k8s.io/v1'; kind: 'Lease'; metadata: ObjectRef; spec: LeaseSpec } {
    const spec = { ...this.#nextSpec({}), leaseTransitions: 0 };
    return {
      apiVersion: 'coordination.k8s.io/v1',
      kind: 'Lease',
      metadata: { ...this.#ref, ...this.#annotationsOn() },
      spec,
    };
  }

  /** Lets the next one lead at once. When it cannot, the lease runs out by itself. */
  async #release(): Promise<void> {
    const lease = this.#lease;
    if (lease?.spec.holderIdentity !== this.#options.identity) return;
    const spec: LeaseSpec = { ...lease.spec, holderIdentity: '', leaseDurationSeconds: 1 };
    try {
      const { client } = this.#options;
      this.#lease = await this.#withTimeout(client.update(leases, { ...lease, spec }), releaseTimeoutMs);
    } catch (error) {
      this.#lease = undefined;
      this.#options.logger.debug({ err: error, lease: this.#ref.name }, 'release lease');
    }
  }

  #withTimeout<V>(promise: Promise<V>, timeoutMs: number): Promise<V> {
    return new Promise((resolve, reject) => {
      const timer = this.#options.clock.setTimer(timeoutMs, () =>
        reject(new Error(`no answer within ${timeoutMs} ms`)),
      );
      promise.then(resolve, reject).finally(() => timer.cancel());
    });
  }
}
