import type { Strategy } from './strategy.ts';

/** The node with the highest score. */
export const leastLoaded: Strategy = { name: 'least-loaded', choose: (candidates) => candidates.best() };
