import type { Random } from '../base/random.ts';
import type { Cluster } from './cache/cluster.ts';
import { PlacementIndex } from './cache/placement-index.ts';
import type { ProfileConfiguration } from './configuration.ts';
import type { PluginSet } from './framework/plugin.ts';
import { defaultPlugins, pluginsFor } from './plugin-registry.ts';
import type { SchedulingContext } from './schedule.ts';
import { createStrategy, type StrategyName, strategiesBySchedulerName } from './strategies/registry.ts';
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
  /** From a configuration file; each replaces the built-in profile of its name. */
  readonly configured?: readonly ProfileConfiguration[] | undefined;
}

/** One for `default-scheduler`, one for each strategy, and those that are configured. */
export function profilesOf({ cluster, strategy, random, configured = [] }: ProfileOptions): Profiles {
  const contextWith = (plugins: PluginSet): SchedulingContext => ({
    cluster,
    plugins,
    index: new PlacementIndex(cluster, plugins),
  });
  const context = contextWith(defaultPlugins);
  const strategies = strategiesBySchedulerName(strategy, random);
  const builtIn = [...strategies].map(([schedulerName, each]): [string, Profile] => [
    schedulerName,
    { schedulerName, strategy: each, context },
  ]);
  const own = configured.map(({ schedulerName, strategy: name, choices }): [string, Profile] => [
    schedulerName,
    { schedulerName, strategy: createStrategy(name, random), context: contextWith(pluginsFor(choices)) },
  ]);
  return new Map([...builtIn, ...own]);
}
