import type { ConfigMap } from '../../api/generated/core-v1.ts';
import { configmaps } from '../../api/generated/resources.ts';
import type { NewObject } from '../../api/kind-info.ts';
import { isNotFound, StatusError } from '../../api/status-error.ts';
import type { Random } from '../../base/random.ts';
import type { ClosableApiClient } from '../../client/http-client.ts';
import type { Operation } from './linearizability.ts';
import { markOf } from './truth.ts';

export const colors = ['red', 'green'] as const;
/** Objects that several writers fight for. */
const sharedNames = 8;
/** Objects of a bulk, which go in one transaction. */
const bulkSize = 12;
const maxOperations = 50_000;

/** Writers and readers of one namespace; every operation is written down with its beginning and its end. */
export class Workload {
  readonly operations: Operation[] = [];
  readonly #namespace: string;
  readonly #random: Random;
  #ticks = 0;
  #tokens = 0;

  constructor(namespace: string, random: Random) {
    this.#namespace = namespace;
    this.#random = random;
  }

  /** One client's operations, one after the other, until `signal` aborts. */
  async run(client: ClosableApiClient, signal: AbortSignal): Promise<void> {
    while (!signal.aborted && this.operations.length < maxOperations) {
      const chance = this.#random.next();
      const name = `cm-${Math.floor(this.#random.next() * sharedNames)}`;
      if (chance < 0.25) await this.#create(client, name);
      else if (chance < 0.5) await this.#update(client, name);
      else if (chance < 0.62) await this.#remove(client, name);
      else if (chance < 0.88) await this.#get(client, name);
      else if (chance < 0.97) await this.#list(client);
      else await this.#bulk(client);
    }
  }

  async #create(client: ClosableApiClient, name: string): Promise<void> {
    const object = this.#object(name);
    await this.#put(name, object.data?.['token'] ?? '', () => client.create(configmaps, object));
  }

  /** On the version that was read, or on none. */
  async #update(client: ClosableApiClient, name: string): Promise<void> {
    const current = await this.#get(client, name);
    if (current === undefined) return;
    const { data, metadata } = this.#object(name);
    const isConditional = this.#random.next() < 0.7;
    const version = isConditional ? current.metadata.resourceVersion : '';
    const next = {
      ...current,
      data,
      metadata: { ...current.metadata, labels: metadata.labels, resourceVersion: version },
    };
    await this.#put(name, data?.['token'] ?? '', () => client.update(configmaps, next as ConfigMap));
  }

  async #remove(client: ClosableApiClient, name: string): Promise<void> {
    const current = await this.#get(client, name);
    if (current === undefined) return;
    const { uid } = current.metadata;
    const began = this.#tick();
    const outcome = await settle(client.delete(configmaps, { namespace: this.#namespace, name }, { uid }));
    const kind = outcome.kind === 'done' ? 'done' : outcome.kind;
    this.operations.push({ kind: 'delete', name, uid, began, ended: this.#end(kind), outcome: kind });
  }

  async #get(client: ClosableApiClient, name: string): Promise<ConfigMap | undefined> {
    const began = this.#tick();
    const outcome = await settle(client.get(configmaps, { namespace: this.#namespace, name }));
    const ended = this.#tick();
    const isAbsent = outcome.kind === 'refused' && isNotFound(outcome.error);
    if (outcome.kind !== 'done' && !isAbsent) return undefined;
    const found = outcome.kind === 'done' ? outcome.value : undefined;
    const version = Number(found?.metadata.resourceVersion ?? 0);
    const token = found === undefined ? '' : markOf(found).token;
    this.operations.push({ kind: 'get', name, version, token, began, ended });
    return found;
  }

  async #list(client: ClosableApiClient): Promise<void> {
    const began = this.#tick();
    const outcome = await settle(client.list(configmaps, { namespace: this.#namespace }));
    if (outcome.kind !== 'done') return;
    const objects = outcome.value.items.map(({ metadata }) => ({
      name: metadata.name,
      version: Number(metadata.resourceVersion),
    }));
    const version = Number(outcome.value.resourceVersion);
    this.operations.push({ kind: 'list', version, objects, began, ended: this.#tick() });
  }

  /** Many objects that go in one transaction: its events are what connections are cut between. */
  async #bulk(client: ClosableApiClient): Promise<void> {
    this.#tokens += 1;
    const bulk = `bulk-${this.#tokens}`;
    await Promise.all(
      Array.from({ length: bulkSize }, (_, at) => {
        const object = this.#object(`${bulk}-${at}`, bulk);
        return this.#put(object.metadata.name ?? '', object.data?.['token'] ?? '', () =>
          client.create(configmaps, object),
        );
      }),
    );
    await settle(
      client.deleteCollection(configmaps, { namespace: this.#namespace, labelSelector: `bulk=${bulk}` }),
    );
  }

  async #put(name: string, token: string, write: () => Promise<ConfigMap>): Promise<void> {
    const began = this.#tick();
    const outcome = await settle(write());
    const version = outcome.kind === 'done' ? Number(outcome.value.metadata.resourceVersion) : 0;
    const { kind } = outcome;
    this.operations.push({ kind: 'put', name, token, version, began, ended: this.#end(kind), outcome: kind });
  }

  #object(name: string, bulk = ''): NewObject<ConfigMap> {
    this.#tokens += 1;
    const color = colors[Math.floor(this.#random.next() * colors.length)] ?? 'red';
    const labels = bulk === '' ? { color } : { color, bulk };
    const metadata = { name, namespace: this.#namespace, labels };
    return { apiVersion: 'v1', kind: 'ConfigMap', metadata, data: { token: `t${this.#tokens}` } };
  }

  #tick(): number {
    this.#ticks += 1;
    return this.#ticks;
  }

  /** What nobody knows the end of may happen at any time later. */
  #end(outcome: Outcome<unknown>['kind']): number {
    return outcome === 'unknown' ? Number.MAX_SAFE_INTEGER : this.#tick();
  }
}

type Outcome<T> =
  | { readonly kind: 'done'; readonly value: T }
  | { readonly kind: 'refused'; readonly error: StatusError }
  | { readonly kind: 'unknown' };

async function settle<T>(request: Promise<T>): Promise<Outcome<T>> {
  try {
    return { kind: 'done', value: await request };
  } catch (error) {
    // A server's clear no is one; a lost answer, or a 5xx, may stand for anything.
    return error instanceof StatusError && error.code < 500
      ? { kind: 'refused', error }
      : { kind: 'unknown' };
  }
}
