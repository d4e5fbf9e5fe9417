import type { TopologySpreadConstraint } from '../../api/generated/core-v1.ts';
import { fromLabelSelector, type Selector } from '../../api/selector.ts';
import { withLabelKeys } from './affinity-term.ts';

/** One topology spread constraint, ready to be evaluated. */
export interface SpreadConstraint {
  readonly topologyKey: string;
  readonly maxSkew: number;
  readonly minDomains: number;
  /** `DoNotSchedule` as opposed to `ScheduleAnyway`. */
  readonly isHard: boolean;
  /** Undefined selects no pod. */
  readonly selector: Selector | undefined;
  /** Selects the pods of this owner instead; for constraints that a profile adds. */
  readonly owner?: string | undefined;
  /** Only nodes that the pod's node selector and affinity admit count as domains. */
  readonly honoursNodeAffinity: boolean;
  /** Only nodes whose taints the pod tolerates count as domains. */
  readonly honoursTaints: boolean;
}

export function spreadConstraintsOf(
  constraints: readonly TopologySpreadConstraint[] | undefined,
  labels: Readonly<Record<string, string>>,
): readonly SpreadConstraint[] {
  return (constraints ?? []).map((constraint) => ({
    topologyKey: constraint.topologyKey,
    maxSkew: constraint.maxSkew,
    minDomains: constraint.minDomains ?? 1,
    isHard: constraint.whenUnsatisfiable === 'DoNotSchedule',
    selector: selectorOf(constraint, labels),
    honoursNodeAffinity: (constraint.nodeAffinityPolicy ?? 'Honor') === 'Honor',
    honoursTaints: constraint.nodeTaintsPolicy === 'Honor',
  }));
}

/** As in Kubernetes a selector that asks for nothing counts no pod: the constraint only asks for the topology key. */
function selectorOf(
  { labelSelector, matchLabelKeys = [] }: TopologySpreadConstraint,
  labels: Readonly<Record<string, string>>,
): Selector | undefined {
  const keys = { match: matchLabelKeys, mismatch: [] };
  const selector = withLabelKeys(fromLabelSelector(labelSelector), labels, keys);
  return selector?.length === 0 ? undefined : selector;
}
