/** What is said of a group whose members wait, the same in their conditions, events and in `why`. Pure. */
import type { GroupState } from './pod-groups.ts';

/** What a group waits for before any node is looked at; undefined: nothing. The same until it is there. */
export function missingMembers({ name, minCount, settled, waiting }: GroupState): string | undefined {
  if (minCount === undefined) return `waiting for pod group "${name}" to appear`;
  const present = settled + waiting.length;
  return present >= minCount
    ? undefined
    : `waiting for minCount (${minCount}) pods of pod group "${name}" to appear`;
}

/** @param diagnosis why one more member fits nowhere, the others being placed */
export const unfitGroup = (
  { name, minCount, settled }: GroupState,
  placed: number,
  diagnosis: string,
): string => `${diagnosis} pod group "${name}": ${settled + placed} of ${minCount ?? 0} fit.`;
