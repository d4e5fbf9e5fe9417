/**
 * A file in the shape of a KubeSchedulerConfiguration: profiles with their plugins, weights and arguments. What it
 * says and we cannot do is an error that names the place, never silently different.
 * @see https://kubernetes.io/docs/reference/config-api/kube-scheduler-config.v1/
 */
import { readFileSync } from 'node:fs';
import { parse } from 'yaml';
import { messageOf } from '../base/invariant.ts';
import {
  allowOnly,
  expectOneOf,
  type Fields,
  fieldsOf,
  listOf,
  numberOf,
  textOf,
} from './configuration-fields.ts';
import { UsageError } from './options.ts';
import { argumentsOf } from './plugin-arguments.ts';
import {
  type PluginChoices,
  type Point,
  plainPlugins,
  pluginNames,
  scorePlugins,
} from './plugin-registry.ts';
import {
  defaultRebalanceSettings,
  type RebalanceMode,
  type RebalanceSettings,
  rebalanceModes,
} from './rebalance/mode.ts';
import { type StrategyName, strategyNames } from './strategies/registry.ts';

export interface ProfileConfiguration {
  readonly schedulerName: string;
  readonly strategy: StrategyName;
  readonly choices: PluginChoices;
  readonly rebalancing?: RebalanceMode | undefined;
}

/** @throws UsageError for a file that cannot be read or says what cannot be done */
export const readConfiguration = (path: string): readonly ProfileConfiguration[] =>
  readWith(path, parseConfiguration);

/** How rebalancing goes, for all profiles. @throws UsageError */
export const readRebalanceSettings = (path: string): RebalanceSettings =>
  readWith(path, parseRebalanceSettings);

function readWith<T>(path: string, parseText: (text: string) => T): T {
  try {
    return parseText(readFileSync(path, 'utf8'));
  } catch (error) {
    throw new UsageError(`--config ${path}: ${messageOf(error)}`, { cause: error });
  }
}

/** @throws UsageError */
export function parseConfiguration(text: string): readonly ProfileConfiguration[] {
  const file = fieldsOf(parse(text), 'the file');
  expectOneOf(file['apiVersion'], ['kubescheduler.config.k8s.io/v1'], 'apiVersion');
  expectOneOf(file['kind'], ['KubeSchedulerConfiguration'], 'kind');
  checkFile(file);
  const profiles = listOf(file['profiles'] ?? [{}], 'profiles').map(toProfile);
  const names = profiles.map(({ schedulerName }) => schedulerName);
  const twice = names.find((name, i) => names.indexOf(name) !== i);
  if (twice !== undefined) throw new UsageError(`profiles: "${twice}" is there twice`);
  return profiles;
}

/** Said by flags, or of no consequence: every node is looked at, and nothing runs in parallel. */
const withoutEffect = [
  ...['clientConnection', 'leaderElection', 'parallelism', 'percentageOfNodesToScore'],
  ...['enableProfiling', 'enableContentionProfiling', 'delayCacheUntilActive'],
];
/** What the queue does; other values cannot be had. */
const fixedValues: Readonly<Record<string, number>> = {
  podInitialBackoffSeconds: 1,
  podMaxBackoffSeconds: 10,
};

function checkFile(file: Fields): void {
  const own = ['apiVersion', 'kind', 'profiles', 'rebalancing', 'extenders'];
  allowOnly(file, [...own, ...withoutEffect, ...Object.keys(fixedValues)], 'the file');
  for (const [field, fixed] of Object.entries(fixedValues))
    if (file[field] !== undefined && file[field] !== fixed)
      throw new UsageError(`${field}: is always ${fixed}`);
  if (listOf(file['extenders'] ?? [], 'extenders').length > 0)
    throw new UsageError('extenders: are not supported');
}

/** @throws UsageError */
export function parseRebalanceSettings(text: string): RebalanceSettings {
  const { rebalancing = {} } = fieldsOf(parse(text), 'the file');
  const fields = fieldsOf(rebalancing, 'rebalancing');
  allowOnly(fields, ['movesPerMinute', 'settleSeconds'], 'rebalancing');
  const { movesPerMinute, settleMs } = defaultRebalanceSettings;
  const { movesPerMinute: moves = movesPerMinute, settleSeconds = settleMs / 1_000 } = fields;
  return {
    movesPerMinute: numberOf(moves, 'rebalancing.movesPerMinute', [1, 600]),
    settleMs: 1_000 * numberOf(settleSeconds, 'rebalancing.settleSeconds', [1, 86_400]),
  };
}

function toProfile(value: unknown, i: number): ProfileConfiguration {
  const at = `profiles[${i}]`;
  const profile = fieldsOf(value, at);
  allowOnly(
    profile,
    ['schedulerName', 'strategy', 'rebalancing', 'plugins', 'pluginConfig', 'percentageOfNodesToScore'],
    at,
  );
  const strategy = textOf(profile['strategy'] ?? 'least-loaded', `${at}.strategy`);
  expectOneOf(strategy, strategyNames, `${at}.strategy`);
  const { rebalancing } = profile;
  if (rebalancing !== undefined) expectOneOf(rebalancing, rebalanceModes, `${at}.rebalancing`);
  return {
    schedulerName: textOf(profile['schedulerName'] ?? 'default-scheduler', `${at}.schedulerName`),
    strategy: strategyNames.find((name) => name === strategy) ?? 'least-loaded',
    rebalancing: rebalanceModes.find((mode) => mode === rebalancing),
    choices: {
      ...switches(fieldsOf(profile['plugins'] ?? {}, `${at}.plugins`), `${at}.plugins`),
      ...argumentsOf(listOf(profile['pluginConfig'] ?? [], `${at}.pluginConfig`), `${at}.pluginConfig`),
    },
  };
}

const points: Readonly<Record<string, readonly Point[]>> = {
  multiPoint: ['filter', 'score'],
  preFilter: ['filter'],
  filter: ['filter'],
  preScore: ['score'],
  score: ['score'],
};
/** Nothing of ours can be switched there. */
const fixedPoints = [
  'queueSort',
  'preEnqueue',
  'postFilter',
  'reserve',
  'permit',
  'preBind',
  'bind',
  'postBind',
];

function switches(plugins: Fields, at: string): Pick<PluginChoices, 'disabled' | 'weights'> {
  const disabled: Record<Point, Set<string>> = { filter: new Set(), score: new Set() };
  const weights = new Map<string, number>();
  allowOnly(plugins, [...Object.keys(points), ...fixedPoints], at);
  for (const [point, affected] of Object.entries(points)) {
    const set = fieldsOf(plugins[point] ?? {}, `${at}.${point}`);
    allowOnly(set, ['enabled', 'disabled'], `${at}.${point}`);
    for (const name of namesIn(set['disabled'], `${at}.${point}.disabled`))
      for (const each of affected) disabled[each].add(name);
    for (const [i, value] of listOf(set['enabled'] ?? [], `${at}.${point}.enabled`).entries()) {
      const where = `${at}.${point}.enabled[${i}]`;
      const { name, weight } = fieldsOf(value, where);
      const plugin = knownPlugin(name, where);
      for (const each of affected) disabled[each] = reEnabled(disabled[each], plugin, each);
      if (weight !== undefined && affected.includes('score'))
        weights.set(plugin, numberOf(weight, `${where}.weight`, [0, 100]));
    }
  }
  for (const point of fixedPoints)
    if (namesIn(fieldsOf(plugins[point] ?? {}, at)['disabled'], `${at}.${point}`).length > 0)
      throw new UsageError(`${at}.${point}.disabled: plugins of this point cannot be disabled`);
  return { disabled, weights };
}

/** `*` means all but those that are enabled by name. */
function reEnabled(disabled: ReadonlySet<string>, name: string, point: Point): Set<string> {
  const all = point === 'score' ? scorePlugins : pluginNames;
  return new Set(
    [...disabled].flatMap((each) => (each === '*' ? all : [each])).filter((each) => each !== name),
  );
}

const namesIn = (value: unknown, at: string): string[] =>
  listOf(value ?? [], at).map((each, i) => {
    const { name } = fieldsOf(each, `${at}[${i}]`);
    return name === '*' ? '*' : knownPlugin(name, `${at}[${i}]`);
  });

function knownPlugin(value: unknown, at: string): string {
  const name = textOf(value, `${at}.name`);
  if (!pluginNames.includes(name) && !plainPlugins.includes(name))
    throw new UsageError(
      `${at}.name: there is no plugin "${name}" (there are ${[...pluginNames, ...plainPlugins].sort().join(', ')})`,
    );
  return name;
}
