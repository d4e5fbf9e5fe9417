/** Arguments of plugins in a KubeSchedulerConfiguration. What cannot be done is an error that names the place. */
import type { NodeSelectorTerm, TopologySpreadConstraint } from '../api/generated/core-v1.ts';
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
import type { PluginChoices } from './plugin-registry.ts';
import type { ScoringStrategy, WeighedResource } from './plugins/node-resources/resource-scores.ts';

type Choices = Omit<PluginChoices, 'disabled' | 'weights'>;

interface PluginArguments {
  readonly known: readonly string[];
  read(fields: Fields, at: string): Choices;
}

const plugins: ReadonlyMap<unknown, PluginArguments> = new Map<unknown, PluginArguments>([
  [
    'NodeResourcesFit',
    {
      known: ['scoringStrategy', 'ignoredResources', 'ignoredResourceGroups'],
      read: (fields, at) => ({
        ...toIgnored(fields, at),
        fit: toStrategy(fieldsOf(fields['scoringStrategy'] ?? {}, at), `${at}.scoringStrategy`),
      }),
    },
  ],
  [
    'NodeResourcesBalancedAllocation',
    {
      known: ['resources'],
      read: (fields, at) => ({ balanced: toResources(fields['resources'], `${at}.resources`) }),
    },
  ],
  ['PodTopologySpread', { known: ['defaultingType', 'defaultConstraints'], read: toDefaults }],
  [
    'NodeAffinity',
    {
      known: ['addedAffinity'],
      read: (fields, at) => toAddedAffinity(fields['addedAffinity'], `${at}.addedAffinity`),
    },
  ],
  [
    'DefaultPreemption',
    {
      known: ['minCandidateNodesPercentage', 'minCandidateNodesAbsolute'],
      // Every node is looked at, which is more than any share of them.
      read(fields, at) {
        checkNumber(fields, 'minCandidateNodesPercentage', [0, 100], at);
        checkNumber(fields, 'minCandidateNodesAbsolute', [0, greatestInt32], at);
        return {};
      },
    },
  ],
  [
    'InterPodAffinity',
    {
      known: ['hardPodAffinityWeight', 'ignorePreferredTermsOfExistingPods'],
      read(fields, at) {
        expectFixed(fields, 'hardPodAffinityWeight', 1, at);
        expectFixed(fields, 'ignorePreferredTermsOfExistingPods', false, at);
        return {};
      },
    },
  ],
  [
    'VolumeBinding',
    {
      known: ['bindTimeoutSeconds'],
      read(fields, at) {
        expectFixed(fields, 'bindTimeoutSeconds', 600, at);
        return {};
      },
    },
  ],
  // No pod's devices are looked for here: there is no search to end.
  ['DynamicResources', { known: ['filterTimeout', 'bindingTimeout'], read: () => ({}) }],
]);

/** What `pluginConfig` says. */
export function argumentsOf(list: readonly unknown[], at: string): Choices {
  let choices: Choices = {};
  for (const [i, value] of list.entries()) {
    const where = `${at}[${i}]`;
    const entry = fieldsOf(value, where);
    allowOnly(entry, ['name', 'args'], where);
    const { name, args } = entry;
    const place = `${where}.args`;
    const fields = fieldsOf(args ?? {}, place);
    const plugin = plugins.get(name);
    const called = plugin === undefined ? `${place} of ${textOf(name, `${where}.name`)}` : place;
    allowOnly(fields, ['apiVersion', 'kind', ...(plugin?.known ?? [])], called);
    choices = { ...choices, ...plugin?.read(fields, place) };
  }
  return choices;
}

function toStrategy(fields: Fields, at: string): ScoringStrategy {
  allowOnly(fields, ['type', 'resources', 'requestedToCapacityRatio'], at);
  const type = textOf(fields['type'] ?? 'LeastAllocated', `${at}.type`);
  const resources = toResources(fields['resources'], `${at}.resources`);
  switch (type) {
    case 'LeastAllocated':
    case 'MostAllocated':
      return { type, resources };
    case 'RequestedToCapacityRatio':
      return {
        type,
        resources,
        shape: toShape(fields['requestedToCapacityRatio'], `${at}.requestedToCapacityRatio`),
      };
    default:
      throw new UsageError(
        `${at}.type: LeastAllocated, MostAllocated or RequestedToCapacityRatio, not "${type}"`,
      );
  }
}

function toShape(value: unknown, at: string): { utilization: number; score: number }[] {
  const shape = listOf(fieldsOf(value ?? {}, at)['shape'], `${at}.shape`).map((each, i) => {
    const { utilization, score } = fieldsOf(each, `${at}.shape[${i}]`);
    return {
      utilization: numberOf(utilization, `${at}.shape[${i}].utilization`, [0, 100]),
      score: numberOf(score, `${at}.shape[${i}].score`, [0, 10]),
    };
  });
  if (
    shape.length === 0 ||
    shape.some((point, i) => i > 0 && point.utilization <= (shape[i - 1]?.utilization ?? 0))
  )
    throw new UsageError(`${at}.shape: at least one point, by rising utilization`);
  return shape;
}

const toResources = (value: unknown, at: string): WeighedResource[] =>
  listOf(value ?? [{ name: 'cpu' }, { name: 'memory' }], at).map((each, i) => {
    const { name, weight = 1 } = fieldsOf(each, `${at}[${i}]`);
    return {
      name: textOf(name, `${at}[${i}].name`),
      weight: numberOf(weight, `${at}[${i}].weight`, [1, 100]),
    };
  });

function toConstraints(value: unknown, at: string): TopologySpreadConstraint[] {
  return listOf(value ?? [], at).map((each, i) => {
    const fields = fieldsOf(each, `${at}[${i}]`);
    allowOnly(fields, ['topologyKey', 'maxSkew', 'whenUnsatisfiable'], `${at}[${i}]`);
    const whenUnsatisfiable = textOf(fields['whenUnsatisfiable'], `${at}[${i}].whenUnsatisfiable`);
    expectOneOf(whenUnsatisfiable, ['DoNotSchedule', 'ScheduleAnyway'], `${at}[${i}].whenUnsatisfiable`);
    return {
      topologyKey: textOf(fields['topologyKey'], `${at}[${i}].topologyKey`),
      maxSkew: numberOf(fields['maxSkew'], `${at}[${i}].maxSkew`, [1, 1_000_000]),
      whenUnsatisfiable,
    };
  });
}

const greatestInt32 = 2 ** 31 - 1;

function checkNumber(fields: Fields, name: string, range: readonly [number, number], at: string): void {
  if (fields[name] !== undefined) numberOf(fields[name], `${at}.${name}`, range);
}

function expectFixed(fields: Fields, name: string, fixed: number | boolean, at: string): void {
  if (fields[name] !== undefined && fields[name] !== fixed)
    throw new UsageError(`${at}.${name}: is always ${fixed}`);
}

function toDefaults(fields: Fields, at: string): Pick<PluginChoices, 'spread'> {
  const { defaultingType = 'System' } = fields;
  expectOneOf(defaultingType, ['System', 'List'], `${at}.defaultingType`);
  const spread = toConstraints(fields['defaultConstraints'], `${at}.defaultConstraints`);
  // OwnerSpread does what the system's constraints do.
  if (defaultingType === 'System' && spread.length > 0)
    throw new UsageError(`${at}.defaultConstraints: need defaultingType: List`);
  return { spread };
}

function toIgnored(fields: Fields, at: string): Pick<PluginChoices, 'ignored'> {
  const texts = (name: string): readonly string[] =>
    listOf(fields[name] ?? [], `${at}.${name}`).map((each, i) => textOf(each, `${at}.${name}[${i}]`));
  const [names, groups] = [texts('ignoredResources'), texts('ignoredResourceGroups')];
  const wrong = groups.find((group) => group.includes('/'));
  if (wrong !== undefined) throw new UsageError(`${at}.ignoredResourceGroups: "${wrong}" has a "/"`);
  if (names.length + groups.length === 0) return {};
  return { ignored: { names: new Set(names), groups: new Set(groups) } };
}

function toAddedAffinity(value: unknown, at: string): Pick<PluginChoices, 'addedAffinity'> {
  if (value === undefined || value === null) return {};
  const fields = fieldsOf(value, at);
  const [required, preferred] = [
    'requiredDuringSchedulingIgnoredDuringExecution',
    'preferredDuringSchedulingIgnoredDuringExecution',
  ];
  allowOnly(fields, [required, preferred], at);
  const terms = (selector: unknown): NodeSelectorTerm[] => {
    const where = `${at}.${required}`;
    const list = listOf(fieldsOf(selector, where)['nodeSelectorTerms'], `${where}.nodeSelectorTerms`);
    if (list.length === 0) throw new UsageError(`${where}.nodeSelectorTerms: at least one`);
    return list.map((each, i) => toTerm(each, `${where}.nodeSelectorTerms[${i}]`));
  };
  return {
    addedAffinity: {
      required: fields[required] === undefined ? undefined : terms(fields[required]),
      preferred: listOf(fields[preferred] ?? [], `${at}.${preferred}`).map((each, i) => {
        const where = `${at}.${preferred}[${i}]`;
        const { preference, weight } = fieldsOf(each, where);
        return {
          preference: toTerm(preference, `${where}.preference`),
          weight: numberOf(weight, `${where}.weight`, [1, 100]),
        };
      }),
    },
  };
}

const operators = ['In', 'NotIn', 'Exists', 'DoesNotExist', 'Gt', 'Lt'];

function toTerm(value: unknown, at: string): NodeSelectorTerm {
  const fields = fieldsOf(value, at);
  allowOnly(fields, ['matchExpressions', 'matchFields'], at);
  const read = (name: string) =>
    listOf(fields[name] ?? [], `${at}.${name}`).map((each, i) => {
      const where = `${at}.${name}[${i}]`;
      const expression = fieldsOf(each, where);
      allowOnly(expression, ['key', 'operator', 'values'], where);
      expectOneOf(expression['operator'], operators, `${where}.operator`);
      const values = listOf(expression['values'] ?? [], `${where}.values`);
      return {
        key: textOf(expression['key'], `${where}.key`),
        operator: textOf(expression['operator'], `${where}.operator`),
        values: values.map((text, j) => textOf(text, `${where}.values[${j}]`)),
      };
    });
  return { matchExpressions: read('matchExpressions'), matchFields: read('matchFields') };
}
