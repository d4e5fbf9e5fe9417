import type { NamespaceCondition } from '../../api/generated/core-v1.ts';
import { toTime } from '../../base/clock.ts';

/** What is left of one kind in a namespace that is being deleted. */
export interface Remaining {
  /** `pods.` or `deployments.apps`, as Kubernetes' condition messages name it. */
  readonly resource: string;
  readonly count: number;
  readonly finalizers: readonly string[];
}

export interface Findings {
  readonly discoveryError: string | undefined;
  readonly deletionError: string | undefined;
  readonly remaining: readonly Remaining[];
}

interface Finding {
  readonly type: string;
  readonly problem: { readonly reason: string; readonly message: string } | undefined;
  readonly fine: { readonly reason: string; readonly message: string };
}

/** The conditions of a terminating namespace, in Kubernetes' words, behind those that others have set. */
export function planNamespaceConditions(
  current: readonly NamespaceCondition[],
  findings: Findings,
  nowMs: number,
): NamespaceCondition[] {
  const found = toFindings(findings);
  const own = new Set(found.map(({ type }) => type));
  const conditions = found.map(({ type, problem, fine }) => {
    const status = problem === undefined ? 'False' : 'True';
    const before = current.find((condition) => condition.type === type);
    const lastTransitionTime = before?.status === status ? before.lastTransitionTime : toTime(nowMs);
    return { type, status, lastTransitionTime, ...(problem ?? fine) };
  });
  return [...current.filter(({ type }) => !own.has(type)), ...conditions];
}

function toFindings({ discoveryError, deletionError, remaining }: Findings): Finding[] {
  return [
    {
      type: 'NamespaceDeletionDiscoveryFailure',
      problem:
        discoveryError === undefined
          ? undefined
          : {
              reason: 'DiscoveryFailed',
              message: `Discovery failed for some groups, 1 failing: ${discoveryError}`,
            },
      fine: { reason: 'ResourcesDiscovered', message: 'All resources successfully discovered' },
    },
    {
      type: 'NamespaceDeletionGroupVersionParsingFailure',
      problem: undefined,
      fine: { reason: 'ParsedGroupVersions', message: 'All legacy kube types successfully parsed' },
    },
    {
      type: 'NamespaceDeletionContentFailure',
      problem:
        deletionError === undefined
          ? undefined
          : {
              reason: 'ContentDeletionFailed',
              message: `Failed to delete all resource types, 1 remaining: ${deletionError}`,
            },
      fine: {
        reason: 'ContentDeleted',
        message: 'All content successfully deleted, may be waiting on finalization',
      },
    },
    {
      type: 'NamespaceContentRemaining',
      problem:
        remaining.length === 0
          ? undefined
          : {
              reason: 'SomeResourcesRemain',
              message: `Some resources are remaining: ${remaining
                .map(({ resource, count }) => `${resource} has ${count} resource instances`)
                .join(', ')}`,
            },
      fine: { reason: 'ContentRemoved', message: 'All content successfully removed' },
    },
    finalizerFinding(remaining),
  ];
}

function finalizerFinding(remaining: readonly Remaining[]): Finding {
  const counts = new Map<string, number>();
  for (const finalizer of remaining.flatMap(({ finalizers }) => finalizers))
    counts.set(finalizer, (counts.get(finalizer) ?? 0) + 1);
  const listed = [...counts].map(([finalizer, count]) => `${finalizer} in ${count} resource instances`);
  return {
    type: 'NamespaceFinalizersRemaining',
    problem:
      listed.length === 0
        ? undefined
        : {
            reason: 'SomeFinalizersRemain',
            message: `Some content in the namespace has finalizers remaining: ${listed.join(', ')}`,
          },
    fine: { reason: 'ContentHasNoFinalizers', message: 'All content-preserving finalizers finished' },
  };
}
