import type { Scale } from '../api/generated/autoscaling-v1.ts';
import {
  deployments,
  replicasets,
  replicationcontrollers,
  statefulsets,
} from '../api/generated/resources.ts';
import type { ApiObject, ResourceType } from '../api/kind-info.ts';
import { isNotFound } from '../api/status-error.ts';
import type { Clock } from '../base/clock.ts';
import type { ApiClient } from '../client/client.ts';
import { discoverResources } from './discovery.ts';

/** Custom kinds come and go; an unknown one is looked for this often at most. */
const discoveryPeriodMs = 30_000;

const builtIn: readonly ResourceType<ApiObject>[] = [
  deployments,
  replicasets,
  statefulsets,
  replicationcontrollers,
];

/** An object as owner references and scale targets name it. */
export interface KindReference {
  readonly apiVersion?: string | undefined;
  readonly kind: string;
  readonly name: string;
}

const groupOf = (apiVersion = ''): string =>
  apiVersion.includes('/') ? (apiVersion.split('/')[0] ?? '') : '';

/** The `scale` subresource of whatever kind has one. */
export class ScaleClient {
  readonly #client: ApiClient;
  readonly #clock: Clock;
  #types: readonly ResourceType<ApiObject>[] = builtIn;
  #discoveredAtMs = Number.NEGATIVE_INFINITY;

  constructor(options: { readonly client: ApiClient; readonly clock: Clock }) {
    this.#client = options.client;
    this.#clock = options.clock;
  }

  /** The resource of a kind; undefined when the server has none. */
  async typeOf(reference: KindReference): Promise<ResourceType<ApiObject> | undefined> {
    const known = this.#find(reference);
    if (known !== undefined || this.#clock.monotonicMs() - this.#discoveredAtMs < discoveryPeriodMs)
      return known;
    this.#discoveredAtMs = this.#clock.monotonicMs();
    const found = await discoverResources(this.#client);
    this.#types = [...builtIn, ...found.map(({ type }) => type)];
    return this.#find(reference);
  }

  /** @returns undefined when there is no such kind, no such object, or it has no scale */
  async get(namespace: string, reference: KindReference): Promise<Scale | undefined> {
    const type = await this.typeOf(reference);
    if (type === undefined) return undefined;
    try {
      return await this.#client.get(asScale(type), { namespace, name: reference.name }, 'scale');
    } catch (error) {
      if (isNotFound(error)) return undefined;
      throw error;
    }
  }

  async set(namespace: string, reference: KindReference, scale: Scale, replicas: number): Promise<void> {
    const type = await this.typeOf(reference);
    if (type === undefined) return;
    const wanted: Scale = { ...scale, spec: { ...scale.spec, replicas } };
    const metadata = { ...scale.metadata, namespace, name: reference.name };
    await this.#client.update(asScale(type), { ...wanted, metadata }, { subresource: 'scale' });
  }

  #find({ apiVersion, kind }: KindReference): ResourceType<ApiObject> | undefined {
    const group = groupOf(apiVersion);
    return this.#types.find((type) => type.kind === kind && type.group === group);
  }
}

/** The same path, with another kind of body. */
function asScale({ group, version, kind, plural, namespaced }: ResourceType<ApiObject>): ResourceType<Scale> {
  return { group, version, kind, plural, namespaced };
}
