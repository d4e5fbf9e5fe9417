import { existsSync } from 'node:fs';
import type { KindInfo } from '../api/kind-info.ts';
import { type Clock, delay } from '../base/clock.ts';
import type { ClientConfig } from '../client/client-config.ts';
import { kubeconfigCandidates, loadKubeconfig } from '../client/kubeconfig.ts';
import { Api } from './api.ts';
import type { Flags } from './flags.ts';
import { KindTable } from './kind-table.ts';

export interface Io {
  out(text: string): void;
  err(text: string): void;
}

/** What every command works with: the server, the namespace, the kinds and the terminal. */
export class Session {
  readonly io: Io;
  readonly clock: Clock;
  readonly flags: Flags;
  readonly signal: AbortSignal;
  readonly #environment: Readonly<Record<string, string | undefined>>;
  readonly #projectRoot: string | undefined;
  #api: Api | undefined;
  #kinds: KindTable | undefined;

  constructor(options: {
    readonly io: Io;
    readonly clock: Clock;
    readonly flags: Flags;
    readonly signal: AbortSignal;
    readonly environment: Readonly<Record<string, string | undefined>>;
    readonly projectRoot: string | undefined;
  }) {
    this.io = options.io;
    this.clock = options.clock;
    this.flags = options.flags;
    this.signal = options.signal;
    this.#environment = options.environment;
    this.#projectRoot = options.projectRoot;
  }

  /** Connects when first asked for. */
  async api(): Promise<Api> {
    if (this.#api !== undefined) return this.#api;
    const timeoutMs = this.flags.durationMs('request-timeout');
    const config = await this.#config();
    // Several may ask at once; one connection is made, and that one is closed.
    this.#api ??= new Api({
      config,
      clock: this.clock,
      timeoutMs: timeoutMs === 0 ? undefined : timeoutMs,
      warn: (text) => this.io.err(`${text}\n`),
    });
    return this.#api;
  }

  async kinds(): Promise<KindTable> {
    const api = await this.api();
    this.#kinds ??= new KindTable(api);
    return this.#kinds;
  }

  /** Of the flag, else of the kubeconfig's context, else `default`. */
  async namespace(): Promise<string> {
    return this.flags.text('namespace') ?? (await this.api()).config.namespace ?? 'default';
  }

  /** The namespace for a kind: none for cluster-scoped ones, and none for all of them. */
  async namespaceFor(kind: KindInfo, allNamespaces = false): Promise<string | undefined> {
    return kind.namespaced && !allNamespaces ? this.namespace() : undefined;
  }

  pause(ms: number): Promise<void> {
    return delay(this.clock, ms, this.signal);
  }

  close(): void {
    this.#api?.close();
  }

  async #config(): Promise<ClientConfig> {
    const candidates = kubeconfigCandidates({
      flag: this.flags.text('kubeconfig'),
      environment: this.#environment['KUBECONFIG'],
      projectRoot: this.#projectRoot,
      home: this.#environment['HOME'],
    });
    const path = candidates.find((candidate) => existsSync(candidate)) ?? candidates[0];
    const isNamed = this.flags.has('kubeconfig') || this.#environment['KUBECONFIG'] !== undefined;
    if (path === undefined || (!existsSync(path) && !isNamed)) return { server: 'https://localhost:8080' };
    return loadKubeconfig(path, {
      context: this.flags.text('context'),
      cluster: this.flags.text('cluster'),
      user: this.flags.text('user'),
    });
  }
}
