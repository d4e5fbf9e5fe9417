import type { Clock } from '../../base/clock.ts';
import { messageOf } from '../../base/invariant.ts';
import type { Logger } from '../../base/logger.ts';
import type { KernelCommands } from '../network/kernel-commands.ts';
import { applyNft, tableHandle } from '../network/nft-table.ts';
import { Wake } from '../network/wake.ts';
import { Claims } from './claims.ts';
import { applyCuts, type ConntrackCut } from './conntrack.ts';
import { type Frontend, type FrontendContext, frontendsOf } from './frontend.ts';
import { planCuts } from './plan-cuts.ts';
import { ServiceRules } from './service-rules.ts';
import { serviceTable } from './service-table.ts';
import type { ServiceTracker } from './service-tracker.ts';

/** How often it is looked whether the table is still ours. */
const driftCheckMs = 30_000;
const retryMs = 500;

export interface ServiceProxyOptions {
  readonly commands: KernelCommands;
  readonly tracker: ServiceTracker;
  readonly context: () => FrontendContext;
  readonly clusterCidr: string;
  readonly serviceCidr: string;
  readonly clusterDns: string;
  /** Nodes whose pods nobody can reach: connections to them are cut, not left to their timeouts. */
  readonly isUnreachable: (nodeName: string) => boolean;
  /** Called with the EndpointSlice version that the kernel has reached. */
  readonly onApplied: (version: number) => void;
  readonly clock: Clock;
  readonly logger: Logger;
}

/**
 * Keeps the kernel's service table as Services and EndpointSlices say. What changes while a transaction runs goes into
 * the next one, so a single change goes out at once and a burst is joined.
 *
 * INVARIANTS: the old table stays until a complete new one replaces it, in one transaction, at every start;
 * a version is published only after its changes are in the kernel.
 */
export class ServiceProxy {
  readonly #options: ServiceProxyOptions;
  readonly #rules: ServiceRules;
  readonly #claims = new Claims();
  readonly #wake = new Wake();
  readonly #dirty = new Set<string>();
  /** Taken together with what is dirty: a cut before its change would pin the connection to the same endpoint again. */
  readonly #cuts: ConntrackCut[] = [];
  readonly #ready = Promise.withResolvers<void>();
  /** Undefined while the kernel's state is unknown: the next flush writes all of it. */
  #handle: number | undefined;

  constructor(options: ServiceProxyOptions) {
    this.#options = options;
    this.#rules = new ServiceRules(options);
    options.tracker.onChange((key) => {
      this.#dirty.add(key);
      this.#wake.wake();
    });
    options.tracker.onAddressGone((ip) => {
      this.#cuts.push({ kind: 'address', protocol: 'tcp', ip });
    });
  }

  /** Resolves when the first whole table is in the kernel. */
  get ready(): Promise<void> {
    return this.#ready.promise;
  }

  /** To be called when both informers have synced, and when node addresses have changed. */
  changed(): void {
    for (const key of this.#options.tracker.keys()) this.#dirty.add(key);
    this.#wake.wake();
  }

  /** To be called when a node has become unreachable: connections to endpoints there that get no more traffic are cut. */
  nodeUnreachable(nodeName: string): void {
    const { tracker } = this.#options;
    const used = new Set<string>();
    for (const id of this.#claims.ids())
      for (const target of this.#rules.appliedEndpoints(id)) used.add(target.split(' ')[0] ?? '');
    for (const ip of tracker.addresses.onNode(nodeName))
      if (!used.has(ip)) this.#cuts.push({ kind: 'address', protocol: 'tcp', ip });
    this.#wake.wake();
  }

  async run(signal: AbortSignal): Promise<void> {
    const { clock, logger, tracker } = this.#options;
    while (!signal.aborted) {
      let pauseMs = driftCheckMs;
      try {
        if (tracker.hasSynced) await this.#turn();
      } catch (error) {
        this.#handle = undefined;
        pauseMs = retryMs;
        logger.error({ err: error, reason: messageOf(error) }, 'write service rules');
      }
      await this.#wake.wait(clock, pauseMs, signal);
      // Lets all events that have arrived together go into one transaction.
      await new Promise<void>((resolve) => clock.setImmediate(resolve));
    }
  }

  async #turn(): Promise<void> {
    const isIdle = this.#dirty.size === 0 && this.#cuts.length === 0;
    if (this.#handle === undefined || (isIdle && (await this.#isTableGone()))) await this.#replaceTable();
    else await this.#flush();
  }

  async #isTableGone(): Promise<boolean> {
    return (await tableHandle(this.#options.commands, serviceTable)) !== this.#handle;
  }

  async #replaceTable(): Promise<void> {
    const { commands, tracker } = this.#options;
    const version = tracker.version;
    this.#claimDirty(tracker.keys());
    const all = new Map([...this.#claims.ids()].map((id) => [id, this.#claims.winner(id)]));
    const cuts = this.#cuts.splice(0);
    const empty = this.#rules.reset();
    const plan = this.#rules.plan(all);
    await applyNft(commands, empty + plan.text);
    plan.commit();
    this.#handle = await tableHandle(commands, serviceTable);
    this.#ready.resolve();
    this.#options.onApplied(version);
    await applyCuts(this.#options.commands, cuts);
  }

  async #flush(): Promise<void> {
    const version = this.#options.tracker.version;
    const ids = this.#claimDirty([]);
    const cuts = this.#cuts.splice(0);
    const desired = new Map<string, Frontend | undefined>();
    for (const id of ids) desired.set(id, this.#claims.winner(id));
    const plan = this.#rules.plan(desired);
    if (plan.text !== '') await applyNft(this.#options.commands, plan.text);
    plan.commit();
    this.#options.onApplied(version);
    await applyCuts(this.#options.commands, cuts);
  }

  /** Takes what has changed into the claims. @returns the frontends concerned */
  #claimDirty(more: readonly string[]): Set<string> {
    const { tracker } = this.#options;
    const context = this.#options.context();
    const ids = new Set<string>();
    const keys = new Set([...this.#dirty, ...more]);
    this.#dirty.clear();
    for (const key of keys) {
      const view = tracker.view(key);
      const changed = this.#claims.set(key, view === undefined ? [] : frontendsOf(view, context));
      for (const id of changed) ids.add(id);
      const transitions = [...changed].map((id) => ({
        key: id.slice(id.indexOf(' ') + 1),
        before: this.#rules.appliedEndpoints(id),
        after: this.#claims.winner(id)?.endpoints,
      }));
      this.#cuts.push(...planCuts(transitions, (ip) => this.#isLost(ip)));
    }
    return ids;
  }

  #isLost(ip: string): boolean {
    const { tracker, isUnreachable } = this.#options;
    const node = tracker.addresses.nodeOf(ip);
    return node !== undefined && isUnreachable(node);
  }
}
