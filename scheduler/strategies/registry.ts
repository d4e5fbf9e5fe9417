import type { Random } from '../../base/random.ts';
import { defaultSchedulerName } from '../framework/pod-class.ts';
import { leastLoaded } from './least-loaded.ts';
import { RandomChoice } from './random-choice.ts';
import { RoundRobin } from './round-robin.ts';
import type { Strategy } from './strategy.ts';

export const strategyNames = ['least-loaded', 'round-robin', 'random'] as const;
export type StrategyName = (typeof strategyNames)[number];

export function createStrategy(name: StrategyName, random: Random): Strategy {
  switch (name) {
    case 'least-loaded':
      return leastLoaded;
    case 'round-robin':
      return new RoundRobin();
    case 'random':
      return new RandomChoice(random);
  }
}

/**
 * Strategies by the `schedulerName` of the pods that they serve: `default-scheduler` has the one that was asked for,
 * and each has a name of its own, `coracle-<strategy>`.
 */
export function strategiesBySchedulerName(
  forDefault: StrategyName,
  random: Random,
): ReadonlyMap<string, Strategy> {
  return new Map([
    [defaultSchedulerName, createStrategy(forDefault, random)],
    ...strategyNames.map((name): [string, Strategy] => [`coracle-${name}`, createStrategy(name, random)]),
  ]);
}
