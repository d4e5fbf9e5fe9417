/**
 * What an agent asks of the API for its pods, beside their statuses: the ConfigMaps and Secrets that they name, each
 * read and then followed, their claims' volumes, their tokens, and the events of their containers.
 */
import type { Pod } from '../../api/generated/core-v1.ts';
import type { Clock } from '../../base/clock.ts';
import type { Logger } from '../../base/logger.ts';
import type { Random } from '../../base/random.ts';
import type { ApiClient } from '../../client/client.ts';
import { EventRecorder } from '../../client/event-recorder.ts';
import { ObjectReferences } from '../volume/object-references.ts';
import { ServiceAccountTokens } from '../volume/service-account-tokens.ts';

export interface PodRequestsOptions {
  readonly client: ApiClient;
  readonly nodeName: string;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
}

export class PodRequests {
  readonly #clock: Clock;
  readonly #objects: ObjectReferences;
  readonly #tokens: ServiceAccountTokens;
  readonly #events: EventRecorder;
  readonly #held = new Set<string>();

  constructor(options: PodRequestsOptions) {
    const { client, clock, nodeName } = options;
    this.#clock = clock;
    this.#objects = new ObjectReferences({ ...options, onChange: () => undefined });
    this.#tokens = new ServiceAccountTokens(client, clock);
    this.#events = new EventRecorder({ ...options, component: 'kubelet', host: nodeName });
  }

  async run(signal: AbortSignal): Promise<void> {
    await this.#events.run(signal);
    await this.#objects.stop();
  }

  holds({ metadata }: Pod): boolean {
    return this.#held.has(metadata.uid);
  }

  /** @returns in how many ms the first of the tokens is due, undefined when there is none. @throws VolumeError */
  async hold(pod: Pod): Promise<number | undefined> {
    if (!this.holds(pod)) await this.#objects.fetch(pod);
    this.#held.add(pod.metadata.uid);
    const tokens = await Promise.all(tokenWishes(pod).map((wish) => this.#tokens.get({ pod, ...wish })));
    if (tokens.length === 0) return undefined;
    return Math.min(...tokens.map(({ renewAtMs }) => renewAtMs)) - this.#clock.nowMs();
  }

  /** The pod is gone. */
  release({ metadata: { uid } }: Pod): void {
    this.#held.delete(uid);
    this.#objects.release(uid);
    this.#tokens.forget(uid);
  }

  /** Of each container. */
  report(pod: Pod, reason: string, messageOf: (container: string, image: string) => string): void {
    for (const { name, image = '' } of pod.spec.containers) {
      const fieldPath = `spec.containers{${name}}`;
      this.#events.event({ object: pod, type: 'Normal', reason, message: messageOf(name, image), fieldPath });
    }
  }
}

function tokenWishes({
  spec,
}: Pod): { audience: string | undefined; expirationSeconds: number | undefined }[] {
  const sources = (spec.volumes ?? []).flatMap(({ projected }) => projected?.sources ?? []);
  return sources.flatMap(({ serviceAccountToken: token }) =>
    token === undefined ? [] : [{ audience: token.audience, expirationSeconds: token.expirationSeconds }],
  );
}
