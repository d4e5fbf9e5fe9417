const nodesPerProcess = 5_000;

/** One process that is many nodes: `hollow-<first>` and those after it. */
export interface HollowProcess {
  readonly unit: string;
  readonly first: number;
  readonly count: number;
}

export function hollowProcesses(hollow: number): HollowProcess[] {
  return Array.from({ length: Math.ceil(hollow / nodesPerProcess) }, (_, n) => {
    const first = n * nodesPerProcess + 1;
    return { unit: hollowUnitOf(first), first, count: Math.min(nodesPerProcess, hollow - first + 1) };
  });
}

/** @param index of the node, from 1 */
export const hollowUnitOf = (index: number): string => `hollow-nodes-${Math.ceil(index / nodesPerProcess)}`;
