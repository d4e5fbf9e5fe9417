import type { Random } from '../base/random.ts';
import type { Cluster } from './cache/cluster.ts';
import { PlacementIndex } from './cache/placement-index.ts';
import { defaultPlugins } from './plugin-registry.ts';
import type { SchedulingContext } from './schedule.ts';
import { type StrategyName, strategiesBySchedulerName } from './strategies/registry.ts';
import type { Strategy } from './strategies/strategy.ts';

/** How pods of one `schedulerName` are scheduled. */
export interface Profile {
  readonly schedulerName: string;
  readonly strategy: Strategy;
  readonly context: SchedulingContext;
}

export type Profiles = ReadonlyMap<string, Profile>;

export interface ProfileOptions {
  readonly cluster: Cluster;
  readonly strategy: StrategyName;
  readonly random: Random;
}

/** One for `default-scheduler`, and one for each strategy. */
export function profilesOf({ cluster, strategy, random }: ProfileOptions): Profiles {
  const context = {
    cluster,
    plugins: defaultPlugins,
    index: new PlacementIndex(cluster, defaultPlugins),
  };
  const strategies = strategiesBySchedulerName(strategy, random);
  return new Map(
    [...strategies].map(([schedulerName, each]) => [
      schedulerName,
      { schedulerName, strategy: each, context },
    ]),
  );
}
