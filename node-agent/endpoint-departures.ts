/**
 * When a pod that ends gets no new connections any more. Its endpoints are followed in the EndpointSlices: the version
 * of the write by which it left is known here first, and the cluster's data planes tell through their beats when all
 * of them have reached it.
 */
import type { Pod } from '../api/generated/core-v1.ts';
import type { Endpoint, EndpointSlice } from '../api/generated/discovery-v1.ts';
import type { Clock } from '../base/clock.ts';
import type { Logger } from '../base/logger.ts';
import type { Informer } from '../client/informer.ts';
import type { Departures } from './pod/pod-run.ts';

/** What one slice says of a pod. */
interface Mention {
  readonly isReady: boolean;
  readonly isTerminating: boolean;
  /** Version of the write since which it is so. */
  readonly version: number;
}

/** One pod that is leaving. */
interface Leaving {
  /** Newest version of a write that took the pod out of a slice altogether. */
  removedVersion: number;
  readonly changed: () => void;
}

export interface EndpointDeparturesOptions {
  readonly endpointSlices: Pick<Informer<EndpointSlice>, 'addHandler' | 'whenSynced'>;
  readonly nodeName: string;
  /** Resolves when all data planes have reached a version, or when the signal aborts. */
  readonly whenReachedEverywhere: (version: number, signal: AbortSignal) => Promise<void>;
  readonly clock: Clock;
  readonly logger: Logger;
}

export class EndpointDepartures implements Departures {
  readonly #options: EndpointDeparturesOptions;
  /** By uid of the pod, then by slice. Only pods of this node. */
  readonly #mentions = new Map<string, Map<string, Mention>>();
  readonly #leaving = new Map<string, Leaving>();

  constructor(options: EndpointDeparturesOptions) {
    this.#options = options;
    options.endpointSlices.addHandler({
      onAdd: (slice) => this.#replace(undefined, slice),
      onUpdate: (previous, slice) => this.#replace(previous, slice),
      onDelete: (slice) => this.#replace(slice, undefined),
    });
  }

  async leave(pod: Pod, withinMs: number): Promise<void> {
    const { clock, logger, endpointSlices, whenReachedEverywhere } = this.#options;
    const { uid, namespace, name } = pod.metadata;
    const startMs = clock.monotonicMs();
    const sinceMs = (): number => Math.round(clock.monotonicMs() - startMs);
    const limit = new AbortController();
    const timer = clock.setTimer(withinMs, () => limit.abort());
    try {
      await endpointSlices.whenSynced(limit.signal);
      if (!this.#mayHaveTraffic(pod)) return;
      const version = await this.#whenOut(uid, limit.signal);
      const shownMs = sinceMs();
      if (version !== undefined) await whenReachedEverywhere(version, limit.signal);
      const times = { shownMs, waitedMs: sinceMs(), inTime: !limit.signal.aborted };
      logger.info({ pod: `${namespace}/${name}`, version, ...times }, 'left services');
    } finally {
      timer.cancel();
    }
  }

  /** A pod in no slice has no service; one that has not been ready has had no connections. */
  #mayHaveTraffic({ metadata, status }: Pod): boolean {
    const mentions = [...(this.#mentions.get(metadata.uid)?.values() ?? [])];
    const isReady = status?.conditions?.some(
      ({ type, status: value }) => type === 'Ready' && value === 'True',
    );
    return mentions.length > 0 && (isReady === true || mentions.some((mention) => mention.isReady));
  }

  /** @returns the version by which every slice shows the pod as terminating or not at all; undefined after the abort */
  async #whenOut(uid: string, signal: AbortSignal): Promise<number | undefined> {
    if (signal.aborted) return undefined;
    const out = Promise.withResolvers<number | undefined>();
    const onAbort = (): void => out.resolve(undefined);
    const leaving: Leaving = {
      removedVersion: 0,
      changed: () => {
        const mentions = [...(this.#mentions.get(uid)?.values() ?? [])];
        if (!mentions.every(({ isTerminating }) => isTerminating)) return;
        out.resolve(Math.max(leaving.removedVersion, ...mentions.map(({ version }) => version)));
      },
    };
    this.#leaving.set(uid, leaving);
    signal.addEventListener('abort', onAbort, { once: true });
    leaving.changed();
    try {
      return await out.promise;
    } finally {
      signal.removeEventListener('abort', onAbort);
      this.#leaving.delete(uid);
    }
  }

  #replace(previous: EndpointSlice | undefined, next: EndpointSlice | undefined): void {
    const slice = next ?? previous;
    if (slice === undefined) return;
    const key = `${slice.metadata.namespace}/${slice.metadata.name}`;
    const version = Number(slice.metadata.resourceVersion);
    const before = this.#podsOf(previous);
    const now = this.#podsOf(next);
    for (const uid of before.keys()) if (!now.has(uid)) this.#remove(uid, key, version);
    for (const [uid, { conditions }] of now) {
      const isReady = conditions?.ready !== false;
      const isTerminating = conditions?.terminating === true;
      const mentions = this.#mentions.get(uid) ?? new Map<string, Mention>();
      const known = mentions.get(key);
      const isSame = known?.isTerminating === isTerminating;
      mentions.set(key, { isReady, isTerminating, version: isSame ? known.version : version });
      this.#mentions.set(uid, mentions);
    }
    for (const uid of new Set([...before.keys(), ...now.keys()])) this.#leaving.get(uid)?.changed();
  }

  #remove(uid: string, key: string, version: number): void {
    const mentions = this.#mentions.get(uid);
    mentions?.delete(key);
    if (mentions?.size === 0) this.#mentions.delete(uid);
    const leaving = this.#leaving.get(uid);
    if (leaving !== undefined) leaving.removedVersion = Math.max(leaving.removedVersion, version);
  }

  #podsOf(slice: EndpointSlice | undefined): Map<string, Endpoint> {
    const own = (slice?.endpoints ?? []).filter(({ nodeName }) => nodeName === this.#options.nodeName);
    return new Map(own.map((endpoint) => [endpoint.targetRef?.uid ?? '', endpoint]));
  }
}
