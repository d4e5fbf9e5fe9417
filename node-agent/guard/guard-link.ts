import { connect, type Socket } from 'node:net';
import type { LoadFigures } from '../../base/beat-renewal.ts';
import { type Clock, delay } from '../../base/clock.ts';
import type { Logger } from '../../base/logger.ts';
import type { ServiceTracker } from '../proxy/service-tracker.ts';
import { AwaitedRenewal } from './awaited-renewal.ts';
import { recordsOf, type ServiceRecords } from './dns-records.ts';
import { type GuardReport, type GuardUpdate, guardSocketPath, servicesPerUpdate } from './guard-protocol.ts';
import { readLines } from './read-lines.ts';

const reconnectMs = 200;

interface Waiting {
  readonly version: number;
  readonly end: () => void;
}

/**
 * The agent's side of the guard's socket: all names after connecting, then every change at once.
 * Nothing is queued while the guard is away, as the next connection begins with everything.
 */
export class GuardLink {
  readonly #path: string;
  readonly #tracker: ServiceTracker;
  readonly #reverseCidrs: readonly string[];
  readonly #clock: Clock;
  readonly #logger: Logger;
  /** Set while the guard has the whole state. */
  #socket: Socket | undefined;
  #version = 0;
  readonly #nodeCount: () => number;
  readonly #waiting = new Set<Waiting>();
  /** What the guard was told last. */
  #awaitedVersion = 0;
  readonly #renewal: AwaitedRenewal;

  constructor(options: {
    readonly runDir: string;
    readonly tracker: ServiceTracker;
    readonly reverseCidrs: readonly string[];
    readonly nodeCount: () => number;
    readonly clock: Clock;
    readonly logger: Logger;
  }) {
    this.#path = guardSocketPath(options.runDir);
    this.#tracker = options.tracker;
    this.#reverseCidrs = options.reverseCidrs;
    this.#nodeCount = options.nodeCount;
    this.#clock = options.clock;
    this.#renewal = new AwaitedRenewal(options.clock);
    this.#logger = options.logger;
    options.tracker.onChange((key) => this.#sendChange(key));
  }

  /** To be called when the data plane has reached a version. */
  publishVersion(version: number): void {
    if (version <= this.#version) return;
    this.#version = version;
    this.#send({ dataPlaneVersion: version, nodeCount: this.#nodeCount() });
  }

  /** Resolves when the data planes of all live nodes have reached `version`, or when `signal` aborts. */
  whenReached(version: number, signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      if (signal.aborted) return resolve();
      const end = (): void => {
        signal.removeEventListener('abort', end);
        this.#waiting.delete(waiting);
        this.#sendAwaited();
        resolve();
      };
      const waiting: Waiting = { version, end };
      signal.addEventListener('abort', end, { once: true });
      this.#waiting.add(waiting);
      this.#sendAwaited();
    });
  }

  /** Has the node's Lease renewed by the detectors. Resolves with whether it was; with false at once when there is no guard. */
  async renewLease(load: LoadFigures | undefined): Promise<boolean> {
    if (this.#socket === undefined) return false;
    return this.#renewal.ask((id) => this.#send({ renew: { id, ...(load === undefined ? {} : { load }) } }));
  }

  /** Begins once the tracker shows a whole state: half of one would take names away. */
  async run(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      if (this.#tracker.hasSynced) await this.#connection(signal);
      await delay(this.#clock, reconnectMs, signal);
    }
  }

  #connection(signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const socket = connect(this.#path);
      const stop = (): void => {
        socket.destroy();
      };
      signal.addEventListener('abort', stop, { once: true });
      socket.on('connect', () => this.#sendEverything(socket));
      readLines<GuardReport>(socket, (report) => this.#hear(report), this.#logger);
      // The guard is away or restarting: the loop tries again.
      socket.on('error', (error) => this.#logger.debug({ err: error }, 'connection to the guard'));
      socket.on('close', () => {
        signal.removeEventListener('abort', stop);
        this.#socket = undefined;
        this.#renewal.giveUp();
        resolve();
      });
    });
  }

  #sendEverything(socket: Socket): void {
    this.#socket = socket;
    this.#send({ begin: true, reverseCidrs: this.#reverseCidrs });
    const keys = this.#tracker.keys();
    for (let i = 0; i < keys.length; i += servicesPerUpdate) {
      const set: Record<string, ServiceRecords> = {};
      for (const key of keys.slice(i, i + servicesPerUpdate)) {
        const view = this.#tracker.view(key);
        if (view !== undefined) set[key] = recordsOf(view);
      }
      this.#send({ set });
    }
    const version = this.#version === 0 ? {} : { dataPlaneVersion: this.#version };
    this.#send({ end: true, nodeCount: this.#nodeCount(), ...version });
    this.#awaitedVersion = 0;
    this.#sendAwaited();
    this.#logger.info({ services: keys.length }, 'guard has all names');
  }

  #sendChange(key: string): void {
    if (this.#socket === undefined) return;
    const view = this.#tracker.view(key);
    this.#send(view === undefined ? { remove: [key] } : { set: { [key]: recordsOf(view) } });
  }

  #sendAwaited(): void {
    const awaitedVersion = Math.max(0, ...[...this.#waiting].map(({ version }) => version));
    if (awaitedVersion === this.#awaitedVersion) return;
    this.#awaitedVersion = awaitedVersion;
    this.#send({ awaitedVersion });
  }

  #hear({ leastVersion, renewed }: GuardReport): void {
    if (leastVersion !== undefined) this.#endReached(leastVersion);
    if (renewed !== undefined) this.#renewal.hear(renewed);
  }

  #endReached(leastVersion: number): void {
    for (const { version, end } of [...this.#waiting]) if (version <= leastVersion) end();
  }

  #send(update: GuardUpdate): void {
    this.#socket?.write(`${JSON.stringify(update)}\n`);
  }
}
