/**
 * Binds a pod's claims before the pod: a claim that waits for its first consumer gets the volume that was chosen on
 * the pod's node, or is told for which node one is to be made; when all claims are bound, the pod is. Pods without
 * such claims go straight on.
 *
 * INVARIANTS: every started binding is settled exactly once; no volume is chosen for two claims; at most `maxWaiting`
 * pods wait for their claims.
 */
import type { PersistentVolume, PersistentVolumeClaim, Pod } from '../../api/generated/core-v1.ts';
import { persistentvolumeclaims, persistentvolumes } from '../../api/generated/resources.ts';
import type { ResourceType } from '../../api/kind-info.ts';
import {
  boundByControllerAnnotation,
  isBound,
  isReservedFor,
  selectedNodeAnnotation,
  toClaimReference,
} from '../../api/volume-claim.ts';
import { type Clock, delay } from '../../base/clock.ts';
import type { ObjectRef, Patch } from '../../client/client.ts';
import type { Binder, BindOutcome, Placement, Settle } from '../binder.ts';
import type { SelectableNode } from '../framework/node-affinity-term.ts';
import { chooseVolumes } from '../framework/volume-choice.ts';
import { unboundClaimsOf } from '../volume-state.ts';
import type { VolumeInformers } from './volume-informers.ts';

const maxWaiting = 1_000;
/** As Kubernetes' `bindTimeoutSeconds`. */
const bindTimeoutMs = 600_000;

export type PodBinder = Pick<Binder, 'start' | 'startTogether' | 'hasRoom' | 'whenRoom' | 'drain'>;

/** Claims and volumes as they are, and which of them are chosen. */
export type VolumeSource = Pick<
  VolumeInformers,
  'reservations' | 'onChange' | 'needsOf' | 'claimsOf' | 'claim' | 'volume'
>;

/** Of an API client. */
export interface VolumeWriter {
  patch(
    type: ResourceType<PersistentVolume | PersistentVolumeClaim>,
    target: ObjectRef,
    patch: Patch,
  ): Promise<unknown>;
}

export interface VolumeBinderOptions {
  readonly next: PodBinder;
  readonly volumes: VolumeSource;
  readonly client: VolumeWriter;
  readonly clock: Clock;
  /** Says on which node the pod will be once its claims are bound; '' takes it back. Left out: nobody is told. */
  readonly nominate?: ((pod: Pod, nodeName: string) => Promise<void>) | undefined;
  readonly node: (name: string) => SelectableNode | undefined;
  /** Which volumes are free has changed. */
  readonly onReserved: () => void;
}

/** The claims of one pod, and what each gets on the node: the name of a volume, or undefined for one that is made. */
type Plan = ReadonlyMap<PersistentVolumeClaim, string | undefined>;

export class VolumeBinder implements PodBinder {
  readonly #options: VolumeBinderOptions;
  readonly #waiting = new Set<Promise<void>>();

  constructor(options: VolumeBinderOptions) {
    this.#options = options;
  }

  get hasRoom(): boolean {
    return this.#waiting.size < maxWaiting && this.#options.next.hasRoom;
  }

  async whenRoom(): Promise<void> {
    while (this.#waiting.size >= maxWaiting) await Promise.race(this.#waiting);
    await this.#options.next.whenRoom();
  }

  async drain(): Promise<void> {
    while (this.#waiting.size > 0) await Promise.race(this.#waiting);
    await this.#options.next.drain();
  }

  start(pod: Pod, nodeName: string, signal: AbortSignal, settle: Settle): void {
    const { next, volumes } = this.#options;
    const claims = unboundClaimsOf(volumes.claimsOf(pod));
    if (claims.length === 0) {
      next.start(pod, nodeName, signal, settle);
      return;
    }
    const waiting = this.#bindClaims(pod, claims, nodeName, signal)
      .then((outcome) => {
        if (outcome === undefined) next.start(pod, nodeName, signal, settle);
        else settle(outcome);
      })
      .finally(() => this.#waiting.delete(waiting));
    this.#waiting.add(waiting);
  }

  /** All of them when the claims of all are bound, or none. */
  startTogether(placements: readonly Placement[], signal: AbortSignal): void {
    const { next, volumes } = this.#options;
    const claims = placements.map(({ pod }) => unboundClaimsOf(volumes.claimsOf(pod)));
    if (claims.every(({ length }) => length === 0)) {
      next.startTogether(placements, signal);
      return;
    }
    const binding = placements.map(({ pod, nodeName }, i) => {
      const own = claims[i] ?? [];
      return own.length === 0 ? undefined : this.#bindClaims(pod, own, nodeName, signal);
    });
    const waiting = Promise.all(binding)
      .then((outcomes) => {
        if (outcomes.every((outcome) => outcome === undefined)) next.startTogether(placements, signal);
        else for (const [i, { settle }] of placements.entries()) settle(outcomeOf(outcomes, i));
      })
      .finally(() => this.#waiting.delete(waiting));
    this.#waiting.add(waiting);
  }

  /** @returns undefined when all are bound */
  async #bindClaims(
    pod: Pod,
    claims: readonly PersistentVolumeClaim[],
    nodeName: string,
    signal: AbortSignal,
  ): Promise<BindOutcome | undefined> {
    const { volumes, onReserved, nominate } = this.#options;
    const plan = this.#plan(pod, claims, nodeName);
    const wanted = new Map(
      [...(plan ?? [])].flatMap(([{ metadata }, name]) => (name === undefined ? [] : [[name, metadata.uid]])),
    );
    if (plan === undefined || !volumes.reservations.reserve(wanted)) return { outcome: 'outdated' };
    onReserved();
    await nominate?.(pod, nodeName);
    const outcome = await this.#apply(plan, nodeName, signal);
    volumes.reservations.release(wanted);
    onReserved();
    // Whoever leads next goes on where this one stops.
    if (outcome !== undefined && !signal.aborted) await nominate?.(pod, '');
    return outcome;
  }

  /** @returns undefined when all are bound; never rejects */
  async #apply(plan: Plan, nodeName: string, signal: AbortSignal): Promise<BindOutcome | undefined> {
    try {
      for (const [claim, name] of plan)
        await (name === undefined ? this.#select(claim, nodeName) : this.#claim(name, claim));
      const failure = await this.#whenBound([...plan.keys()], nodeName, signal);
      return failure === undefined ? undefined : { outcome: 'refused', error: new Error(failure) };
    } catch (error) {
      return { outcome: 'refused', error };
    }
  }

  /** Chosen anew: another pod may have been faster since the node was chosen. */
  #plan(pod: Pod, claims: readonly PersistentVolumeClaim[], nodeName: string): Plan | undefined {
    const { volumes, node } = this.#options;
    const at = node(nodeName);
    const { unbound, problem } = volumes.needsOf(pod);
    if (at === undefined || problem !== undefined || unbound === undefined) return undefined;
    const choice = chooseVolumes(unbound, at);
    if (choice?.length !== claims.length) return undefined;
    return new Map(
      claims.map((claim, i) => {
        const chosen = choice[i];
        return [claim, chosen === undefined || chosen === 'made' ? undefined : chosen.volume];
      }),
    );
  }

  /** The volume is the claim's; the rest is for the volume controller. */
  async #claim(name: string, claim: PersistentVolumeClaim): Promise<void> {
    const { client, volumes } = this.#options;
    const volume = volumes.volume(name);
    if (volume === undefined) throw new Error(`volume ${name} is gone`);
    if (volume.spec?.claimRef?.uid === claim.metadata.uid) return;
    const byHand = isReservedFor(volume, claim);
    const body = {
      metadata: {
        uid: volume.metadata.uid,
        resourceVersion: volume.metadata.resourceVersion,
        ...(byHand ? {} : { annotations: { [boundByControllerAnnotation]: 'yes' } }),
      },
      spec: { claimRef: toClaimReference(claim) },
    };
    await client.patch(persistentvolumes, { name }, { type: 'merge', body });
  }

  async #select({ metadata }: PersistentVolumeClaim, nodeName: string): Promise<void> {
    if (metadata.annotations?.[selectedNodeAnnotation] === nodeName) return;
    const { uid, resourceVersion } = metadata;
    const body = { metadata: { uid, resourceVersion, annotations: { [selectedNodeAnnotation]: nodeName } } };
    await this.#options.client.patch(persistentvolumeclaims, metadata, { type: 'merge', body });
  }

  /** @returns why they will not be */
  async #whenBound(
    claims: readonly PersistentVolumeClaim[],
    nodeName: string,
    signal: AbortSignal,
  ): Promise<string | undefined> {
    const { volumes, clock } = this.#options;
    const done = new AbortController();
    let seenSelected = false;
    let failure: string | undefined;
    const look = (): void => {
      const current = claims.map(({ metadata }) => volumes.claim(metadata.namespace, metadata.name));
      failure = failureOf(claims, current);
      const selected = current.some(
        (claim) => claim?.metadata.annotations?.[selectedNodeAnnotation] === nodeName,
      );
      if (seenSelected && !selected) failure ??= 'failed to provision volume, selectedNode annotation reset';
      seenSelected ||= selected;
      if (failure !== undefined || current.every((claim) => claim !== undefined && isBound(claim)))
        done.abort();
    };
    const unfollow = volumes.onChange(look);
    look();
    await delay(clock, bindTimeoutMs, AbortSignal.any([done.signal, signal]));
    unfollow();
    if (done.signal.aborted) return failure;
    return signal.aborted ? 'the scheduler stops' : 'binding volumes: context deadline exceeded';
  }
}

/**
 * Of one whose own claims are fine or stood in another's way the group is decided anew at once. When nobody's claims
 * were refused the first one waits for its back-off: so nothing goes round in a circle.
 */
function outcomeOf(outcomes: readonly (BindOutcome | undefined)[], at: number): BindOutcome {
  const isTold = outcomes.some((outcome) => outcome !== undefined && outcome.outcome !== 'outdated');
  const own = outcomes[at];
  const isFirst = outcomes.findIndex((outcome) => outcome !== undefined) === at;
  if (!isTold && isFirst)
    return { outcome: 'refused', error: new Error('a volume was chosen for another claim meanwhile') };
  return own ?? { outcome: 'outdated' };
}

function failureOf(
  claims: readonly PersistentVolumeClaim[],
  current: readonly (PersistentVolumeClaim | undefined)[],
): string | undefined {
  for (const [i, { metadata }] of claims.entries()) {
    const now = current[i];
    if (now?.metadata.uid !== metadata.uid) return `binding volumes: claim ${metadata.name} is gone`;
  }
  return undefined;
}
