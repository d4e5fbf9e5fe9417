/** The nodes for one pod, by slot. */
export interface Candidates {
  readonly slotCount: number;
  /** False also for a slot without node. */
  isFeasible(slot: number): boolean;
  /** The slot with the highest score. */
  best(): number | undefined;
}

/** Chooses among the nodes on which a pod may run. */
export interface Strategy {
  readonly name: string;
  choose(candidates: Candidates): number | undefined;
}
