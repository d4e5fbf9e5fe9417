export const rebalanceModes = ['off', 'advise', 'on'] as const;

/** `advise` says what `on` would do, and does nothing. */
export type RebalanceMode = (typeof rebalanceModes)[number];

export interface RebalanceSettings {
  /** Moves that are begun in one minute at most. */
  readonly movesPerMinute: number;
  /** For how long a node must have been well, and a load must have lasted, before pods are moved for it. */
  readonly settleMs: number;
}

export const defaultRebalanceSettings: RebalanceSettings = { movesPerMinute: 6, settleMs: 120_000 };
