/**
 * Who has bound what lately, so that several schedulers which bind at once never meet on a node.
 *
 * A scheduler says how far it has seen the pods (`seen`, a resourceVersion) and who it is. What it has bound itself it
 * has counted; what others have bound since `seen` it has not. A binding is refused when one of those others went to
 * the same node, or concerns it through a rule between pods: its own required terms and constraints select the other,
 * the other's required anti-affinity selects it, or both use a claim. The scheduler looks again when it has seen them.
 *
 * A scheduler counts what it has decided before it is answered. So what is refused counts against its own requests that
 * it sent before it knew: a pod that relies on a refused one (by required affinity or a spreading constraint) is
 * refused, too.
 *
 * Judging and noting are one synchronous step, so bindings count from before they are stored; whoever is noted first
 * comes first. Cost: with one scheduler a comparison for each remembered batch and a few references a pod.
 *
 * INVARIANTS: a batch is remembered until it is settled, and after that for as long as there is room; whoever has not
 * seen what was forgotten is refused as a whole.
 */
import type { Pod, PodAffinityTerm, PodSpec } from '../../api/generated/core-v1.ts';
import type { LabelSelector } from '../../api/generated/meta-v1.ts';
import { fromLabelSelector, matchesSelector } from '../../api/selector.ts';

const maxBatches = 512;
/** Writers whose forgotten batches are told apart. */
const maxWriters = 64;
const unsettled = Number.POSITIVE_INFINITY;

/** Who asks, and what it knows. */
export interface BindingView {
  readonly writer: string;
  /** Everything up to this version; undefined for one that does not say: it is noted, and not judged. */
  readonly seen: number | undefined;
  /** Its requests are numbered from 1. */
  readonly request: number;
  /** When it decided, it had the answers of its requests up to this number. */
  readonly answered: number;
}

/** Which pod is to go where. */
export interface BindingWish {
  readonly node: string;
  readonly pod: JudgedPod;
}

export interface BindingJudgement {
  /** Of those allowed. Whoever asked settles it, whatever happens. */
  readonly batch: BindingBatch;
  readonly isAllowed: readonly boolean[];
  /** What others have bound and the asking scheduler has not seen. */
  readonly unseen: readonly BindingBatch[];
}

/** A pod as far as rules between pods go. */
export interface JudgedPod {
  readonly metadata: Pick<Pod['metadata'], 'namespace' | 'labels'>;
  readonly spec: JudgedSpec;
}

type JudgedSpec = Pick<PodSpec, 'affinity' | 'topologySpreadConstraints' | 'volumes'>;

/** As much of a binding as others are concerned by: nothing that keeps a parsed pod in memory. */
interface Footprint {
  readonly node: string;
  readonly namespace: string;
  readonly labels: Readonly<Record<string, string>> | undefined;
  /** Required anti-affinity, which binds those that come later as well. */
  readonly forbids: readonly PodAffinityTerm[];
  readonly claims: readonly string[];
}

interface Refused extends Footprint {
  readonly request: number;
}

/** Bindings that are stored together. */
export class BindingBatch {
  readonly writer: string;
  readonly settled: Promise<void>;
  readonly #resolve: () => void;
  readonly #footprints: Footprint[] = [];
  #version = unsettled;

  constructor(writer: string) {
    this.writer = writer;
    const { promise, resolve } = Promise.withResolvers<void>();
    this.settled = promise;
    this.#resolve = resolve;
  }

  /** Of its last pod, once it is stored; until then greater than any. */
  get version(): number {
    return this.#version;
  }

  note({ node, pod }: BindingWish): void {
    this.#footprints.push(footprintOf(node, pod));
  }

  /** @param version of the last pod stored, 0 when none was */
  settle(version: number): void {
    this.#version = version;
    this.#resolve();
  }

  concerns({ node, pod }: BindingWish): boolean {
    const own = footprintOf(node, pod);
    return this.#footprints.some((other) => other.node === node || areRelated(pod, own, other));
  }
}

export class BindingLedger {
  #batches: BindingBatch[] = [];
  /** The last version forgotten, by writer. */
  readonly #forgotten = new Map<string, number>();
  #forgottenOfAll = 0;
  /** What each scheduler was refused and may count all the same. */
  readonly #refused = new Map<string, Refused[]>();

  /**
   * Says which may be bound, and notes them. Synchronous: nobody comes between.
   * @param together all of them or none
   */
  judge(view: BindingView, wishes: readonly BindingWish[], together = false): BindingJudgement {
    const unseen = this.#unseenBy(view);
    const missing = this.#refusedOf(view);
    const refuse = (wish: BindingWish): void => {
      missing.push({ request: view.request, ...footprintOf(wish.node, wish.pod) });
    };
    let isAllowed = wishes.map((wish) => {
      const isConcerned = unseen === undefined || unseen.some((other) => other.concerns(wish));
      const isFine = !isConcerned && !(missing.length > 0 && relies(wish, missing));
      if (!isFine) refuse(wish);
      return isFine;
    });
    if (together && isAllowed.includes(false)) {
      for (const [at, wish] of wishes.entries()) if (isAllowed[at] === true) refuse(wish);
      isAllowed = wishes.map(() => false);
    }
    const batch = this.begin(view.writer);
    for (const [at, wish] of wishes.entries()) if (isAllowed[at] === true) batch.note(wish);
    if (missing.length > 0) this.#refused.set(view.writer, missing);
    return { batch, isAllowed, unseen: unseen ?? [] };
  }

  /** They are refused for another reason, and their scheduler may count them all the same until it knows. */
  refuse(view: BindingView, wishes: readonly BindingWish[]): void {
    const missing = this.#refusedOf(view);
    for (const { node, pod } of wishes) missing.push({ request: view.request, ...footprintOf(node, pod) });
    if (missing.length > 0) this.#refused.set(view.writer, missing);
  }

  /** Batches of others that whoever has this view does not know of; undefined: more than is remembered. */
  #unseenBy({ writer, seen }: BindingView): readonly BindingBatch[] | undefined {
    if (seen === undefined) return [];
    if (seen < this.#forgottenOfAll) return undefined;
    for (const [other, version] of this.#forgotten) if (other !== writer && seen < version) return undefined;
    return this.#batches.filter((batch) => batch.writer !== writer && batch.version > seen);
  }

  /** What was refused to this scheduler without its knowing. */
  #refusedOf({ writer, answered }: BindingView): Refused[] {
    const all = this.#refused.get(writer);
    if (all === undefined) return [];
    this.#refused.delete(writer);
    return all.filter(({ request }) => request > answered);
  }

  /** Begins a batch. Whoever does so settles it, whatever happens. */
  begin(writer: string): BindingBatch {
    const batch = new BindingBatch(writer);
    this.#batches.push(batch);
    if (this.#batches.length > maxBatches) this.#forget();
    return batch;
  }

  /** Forgets the older half, but for what is under way. */
  #forget(): void {
    const old = this.#batches.slice(0, maxBatches / 2);
    const young = this.#batches.slice(maxBatches / 2);
    for (const { writer, version } of old) {
      if (version === unsettled) continue;
      const before = this.#forgotten.get(writer) ?? 0;
      this.#forgotten.delete(writer);
      this.#forgotten.set(writer, Math.max(before, version));
    }
    this.#batches = [...old.filter(({ version }) => version === unsettled), ...young];
    for (const writer of this.#refused.keys())
      if (!young.some((batch) => batch.writer === writer)) this.#refused.delete(writer);
    for (const [writer, version] of this.#forgotten) {
      if (this.#forgotten.size <= maxWriters) return;
      this.#forgotten.delete(writer);
      this.#forgottenOfAll = Math.max(this.#forgottenOfAll, version);
    }
  }
}

const noTerms: readonly PodAffinityTerm[] = [];
const noClaims: readonly string[] = [];

function footprintOf(node: string, { metadata, spec }: JudgedPod): Footprint {
  const anti = spec.affinity?.podAntiAffinity?.requiredDuringSchedulingIgnoredDuringExecution;
  const claims = spec.volumes?.flatMap(({ persistentVolumeClaim: claim }) => claim?.claimName ?? []);
  return {
    node,
    namespace: metadata.namespace ?? '',
    labels: metadata.labels,
    forbids: anti ?? noTerms,
    claims: claims === undefined || claims.length === 0 ? noClaims : claims,
  };
}

function areRelated({ spec }: JudgedPod, own: Footprint, earlier: Footprint): boolean {
  const required = spec.affinity?.podAffinity?.requiredDuringSchedulingIgnoredDuringExecution ?? noTerms;
  return (
    [...required, ...own.forbids].some((term) => selects(own, term, earlier)) ||
    earlier.forbids.some((term) => selects(earlier, term, own)) ||
    spreadsOver(spec, own, earlier) ||
    sharesClaim(own, earlier)
  );
}

/** Whether the pod may stand where it is to go only because one of these stands where it was to go. */
function relies({ node, pod }: BindingWish, missing: readonly Footprint[]): boolean {
  const own = footprintOf(node, pod);
  const affinity = pod.spec.affinity?.podAffinity?.requiredDuringSchedulingIgnoredDuringExecution ?? noTerms;
  return missing.some(
    (other) => affinity.some((term) => selects(own, term, other)) || spreadsOver(pod.spec, own, other),
  );
}

/** Where a term chooses namespaces by their labels, it is taken to choose all. */
function selects(owner: Footprint, term: PodAffinityTerm, other: Footprint): boolean {
  const { namespaces = [], namespaceSelector, labelSelector } = term;
  const named = namespaces.length === 0 ? [owner.namespace] : namespaces;
  const isInReach = namespaceSelector !== undefined || named.includes(other.namespace);
  return isInReach && matches(labelSelector, other);
}

function spreadsOver(
  { topologySpreadConstraints = [] }: JudgedSpec,
  own: Footprint,
  other: Footprint,
): boolean {
  return (
    own.namespace === other.namespace &&
    topologySpreadConstraints.some(
      ({ whenUnsatisfiable, labelSelector }) =>
        whenUnsatisfiable === 'DoNotSchedule' && matches(labelSelector, other),
    )
  );
}

function matches(selector: LabelSelector | undefined, { labels }: Footprint): boolean {
  const compiled = fromLabelSelector(selector);
  return compiled !== undefined && matchesSelector(compiled, labels);
}

/** A claim may admit one pod only. */
const sharesClaim = (own: Footprint, other: Footprint): boolean =>
  own.namespace === other.namespace && own.claims.some((claim) => other.claims.includes(claim));
