/** What a question changes: pods leave, others come. */
import type { KnownPod } from './known-pod.ts';
import type { Snapshot } from './snapshot.ts';

/** A pod that needs a node; `from` is where the one was that it replaces. */
export interface Waiting {
  readonly pod: KnownPod;
  readonly from?: string | undefined;
  /** It waits today already. */
  readonly waits?: boolean;
  /** The only node that it is for: a DaemonSet's pod. */
  readonly only?: string;
}

export interface Change {
  /** Made anew by their controllers. */
  readonly leaving: readonly KnownPod[];
  /** Not made anew: fewer are wanted. */
  readonly removed?: readonly KnownPod[];
  readonly coming: readonly Waiting[];
  readonly stay?: readonly KnownPod[];
  /** Wanted again, but not made anew while this lasts. */
  readonly held?: readonly { readonly pod: KnownPod; readonly message: string }[];
  /** What whoever asks should know besides. */
  readonly notes?: readonly string[];
  /** Applied after pods have left: the node goes, is cordoned, or comes. @returns more that come */
  readonly apply?: (snapshot: Snapshot) => readonly Waiting[];
}

export const noChange: Change = { leaving: [], coming: [] };

export const together = (changes: readonly Change[]): Change => ({
  leaving: changes.flatMap(({ leaving }) => leaving),
  removed: changes.flatMap(({ removed = [] }) => removed),
  coming: changes.flatMap(({ coming }) => coming),
  stay: changes.flatMap(({ stay = [] }) => stay),
  held: changes.flatMap(({ held = [] }) => held),
  notes: changes.flatMap(({ notes = [] }) => notes),
  apply: (snapshot) => changes.flatMap(({ apply }) => apply?.(snapshot) ?? []),
});

/** Names that one line gives; of more it says how many. */
const maxNamed = 8;

export function named(names: readonly string[], most: number = maxNamed): string {
  const rest = names.length - most;
  return rest > 0 ? `${names.slice(0, most).join(', ')} and ${rest} more` : names.join(', ');
}
