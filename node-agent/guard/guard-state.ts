import { mkdir, readFile, rename, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { type Clock, delay } from '../../base/clock.ts';
import { messageOf } from '../../base/invariant.ts';
import type { Logger } from '../../base/logger.ts';
import type { ServiceRecords } from './dns-records.ts';
import type { DnsZone } from './dns-zone.ts';
import type { GuardUpdate } from './guard-protocol.ts';

/** The state on disk is at most this old while the agent sends changes. */
const saveEveryMs = 1_000;
/** An agent that restarts is back before; without one for longer nobody keeps the data plane up. */
const agentAwayMs = 5_000;

interface SavedState {
  readonly dataPlaneVersion: number;
  readonly reverseCidrs: readonly string[];
  readonly records: Readonly<Record<string, ServiceRecords>>;
}

/** What the guard knows from the agent, in memory and on disk: a guard that starts while the agent is dead answers. */
export class GuardState {
  readonly #zone: DnsZone;
  readonly #path: string;
  readonly #clock: Clock;
  readonly #logger: Logger;
  /** Services not yet seen in the snapshot that is arriving. */
  #unseen: Set<string> | undefined;
  #reverseCidrs: readonly string[] = [];
  #dataPlaneVersion = 0;
  #nodeCount = 1;
  #awaitedVersion: number | undefined;
  /** Undefined while the agent is connected. */
  #agentGoneAtMs: number | undefined;
  #hasChanged = false;

  constructor(options: {
    readonly zone: DnsZone;
    readonly path: string;
    readonly clock: Clock;
    readonly logger: Logger;
  }) {
    this.#zone = options.zone;
    this.#path = options.path;
    this.#clock = options.clock;
    this.#logger = options.logger;
    this.#agentGoneAtMs = options.clock.monotonicMs();
  }

  /** 0 when the agent has been away for long: nobody is to wait for a data plane that does not move. */
  get dataPlaneVersion(): number {
    const awayMs = this.#clock.monotonicMs() - (this.#agentGoneAtMs ?? Number.POSITIVE_INFINITY);
    return awayMs > agentAwayMs ? 0 : this.#dataPlaneVersion;
  }

  /** Of the cluster, this one included. */
  get nodeCount(): number {
    return this.#nodeCount;
  }

  /** What the agent waits for. */
  get awaitedVersion(): number | undefined {
    return this.#awaitedVersion;
  }

  agentCame(): void {
    this.#agentGoneAtMs = undefined;
  }

  /** What it has asked for nobody wants to know any more. */
  agentGone(): void {
    this.#awaitedVersion = undefined;
    this.#agentGoneAtMs = this.#clock.monotonicMs();
  }

  apply(update: GuardUpdate): void {
    if (update.nodeCount !== undefined) this.#nodeCount = update.nodeCount;
    if (update.awaitedVersion !== undefined) {
      this.#awaitedVersion = update.awaitedVersion === 0 ? undefined : update.awaitedVersion;
      return;
    }
    this.#hasChanged = true;
    if (update.dataPlaneVersion !== undefined) this.#dataPlaneVersion = update.dataPlaneVersion;
    if (update.reverseCidrs !== undefined) {
      this.#reverseCidrs = update.reverseCidrs;
      this.#zone.setReverse(update.reverseCidrs);
    }
    if (update.begin === true) this.#unseen = new Set(this.#zone.owners.keys());
    for (const owner of update.remove ?? []) this.#zone.set(owner, undefined);
    for (const [owner, records] of Object.entries(update.set ?? {})) {
      this.#unseen?.delete(owner);
      this.#zone.set(owner, records);
    }
    if (update.end !== true) return;
    for (const owner of this.#unseen ?? []) this.#zone.set(owner, undefined);
    this.#unseen = undefined;
  }

  /** Takes up what an earlier guard has left. A file that cannot be read is as good as none: the agent sends all anew. */
  async load(): Promise<void> {
    try {
      const saved = JSON.parse(await readFile(this.#path, 'utf8')) as SavedState;
      const { dataPlaneVersion, reverseCidrs, records } = saved;
      this.apply({ dataPlaneVersion, reverseCidrs, set: records });
      this.#hasChanged = false;
    } catch (error) {
      this.#logger.info({ reason: messageOf(error) }, 'start without saved names');
    }
  }

  /** Saves what has changed until `signal` aborts, and once more then. */
  async run(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      await delay(this.#clock, saveEveryMs, signal);
      if (!this.#hasChanged) continue;
      this.#hasChanged = false;
      try {
        await this.#save();
      } catch (error) {
        this.#hasChanged = true;
        this.#logger.warn({ err: error, path: this.#path }, 'save the names');
      }
    }
  }

  async #save(): Promise<void> {
    const state: SavedState = {
      dataPlaneVersion: this.#dataPlaneVersion,
      reverseCidrs: this.#reverseCidrs,
      records: Object.fromEntries(this.#zone.owners),
    };
    await mkdir(dirname(this.#path), { recursive: true });
    await writeFile(`${this.#path}.new`, JSON.stringify(state));
    await rename(`${this.#path}.new`, this.#path);
  }
}
