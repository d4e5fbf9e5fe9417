import type { OwnerReference } from '../../api/generated/meta-v1.ts';
import { foregroundFinalizer, type GraphNode, isForegroundDeletion, orphanFinalizer } from './graph.ts';

/** What became of an owner: it is there, gone, or waiting for its dependents to go first. */
export type OwnerState = 'solid' | 'gone' | 'waiting';

export type Collection =
  | { readonly kind: 'keep' }
  /** Some owners are gone or going, others stay: the object lives on without the former. */
  | { readonly kind: 'disown'; readonly owners: readonly OwnerReference[] }
  | { readonly kind: 'delete'; readonly propagation: 'Foreground' | 'Background' | 'Orphan' }
  /** Nothing blocks the object's own deletion any more. */
  | { readonly kind: 'unblock' }
  /** Owners do not wait for it any more: a circle of owners would wait for itself. */
  | { readonly kind: 'yield'; readonly owners: readonly OwnerReference[] }
  /** It goes when these have gone. */
  | { readonly kind: 'await'; readonly dependents: readonly GraphNode[] };

export function planCollection(
  node: GraphNode,
  dependents: readonly GraphNode[],
  stateOf: (owner: OwnerReference) => OwnerState,
): Collection {
  if (isForegroundDeletion(node)) return planForeground(node, dependents);
  if (node.deleting || node.owners.length === 0) return { kind: 'keep' };
  const states = node.owners.map((owner) => ({ owner, state: stateOf(owner) }));
  const solid = states.filter(({ state }) => state === 'solid').map(({ owner }) => owner);
  if (solid.length === node.owners.length) return { kind: 'keep' };
  if (solid.length > 0) return { kind: 'disown', owners: solid };
  const waiting = states.some(({ state }) => state === 'waiting');
  if (waiting && dependents.length > 0) {
    const mayBeCircle = dependents.some(isForegroundDeletion);
    if (mayBeCircle && node.owners.some(({ blockOwnerDeletion }) => blockOwnerDeletion === true))
      return {
        kind: 'yield',
        owners: node.owners.map((owner) => ({ ...owner, blockOwnerDeletion: false })),
      };
    return { kind: 'delete', propagation: 'Foreground' };
  }
  return { kind: 'delete', propagation: propagationOf(node) };
}

function planForeground(node: GraphNode, dependents: readonly GraphNode[]): Collection {
  const blocking = dependents.filter((dependent) =>
    dependent.owners.some(({ uid, blockOwnerDeletion }) => uid === node.uid && blockOwnerDeletion === true),
  );
  if (blocking.length === 0) return { kind: 'unblock' };
  // Those that wait themselves come back by the events of their own dependents; a circle would go round for ever.
  return { kind: 'await', dependents: blocking.filter((dependent) => !dependent.deleting) };
}

function propagationOf({ finalizers }: GraphNode): 'Foreground' | 'Background' | 'Orphan' {
  if (finalizers.includes(orphanFinalizer)) return 'Orphan';
  return finalizers.includes(foregroundFinalizer) ? 'Foreground' : 'Background';
}
