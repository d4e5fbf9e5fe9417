import { expect, test } from 'vitest';
import type { ResourceQuotaSpec } from '../../api/generated/core-v1.ts';
import { validateQuotaName, validateQuotaScopes, validateQuotaUpdate } from './quota-scopes.ts';

const hard = { pods: '1' };
const selector = (
  scopeName: string,
  operator: string,
  values?: string[],
): Pick<ResourceQuotaSpec, 'scopeSelector'> => ({
  scopeSelector: { matchExpressions: [{ scopeName, operator, ...(values === undefined ? {} : { values }) }] },
});
const at = 'spec.scopeSelector.matchExpressions';

test.each<[ResourceQuotaSpec, string[]]>([
  [{ hard, scopes: ['BestEffort', 'Terminating'] }, []],
  [{ hard: { 'requests.cpu': '1', 'count/pods': '1' }, scopes: ['NotBestEffort', 'NotTerminating'] }, []],
  [{ hard, scopes: ['BestEffort', 'NotBestEffort'] }, ['spec.scopes: conflicting scopes']],
  [{ hard, scopes: ['Terminating', 'NotTerminating'] }, ['spec.scopes: conflicting scopes']],
  [{ hard, scopes: ['Sometimes'] }, ['spec.scopes: unsupported scope']],
  [
    { hard: { cpu: '1', memory: '1', 'a.b/c': '1' }, scopes: ['BestEffort'] },
    Array(2).fill('spec.scopes: unsupported scope applied to resource'),
  ],
  [
    { hard: { 'requests.storage': '1' }, ...selector('PriorityClass', 'In', ['high']) },
    [`${at}: unsupported scope applied to resource`],
  ],
  [{ hard: { 'requests.storage': '1' }, ...selector('VolumeAttributesClass', 'NotIn', ['gold']) }, []],
  [
    { hard, ...selector('VolumeAttributesClass', 'Exists') },
    [`${at}: unsupported scope applied to resource`],
  ],
  [{ hard, ...selector('PriorityClass', 'DoesNotExist') }, []],
  [{ hard, ...selector('CrossNamespacePodAffinity', 'Exists') }, []],
  [
    { hard, ...selector('PriorityClass', 'In') },
    [`${at}.values: must be at least one value when \`operator\` is 'In' or 'NotIn' for scope selector`],
  ],
  [
    { hard, ...selector('PriorityClass', 'Exists', ['a']) },
    [`${at}.values: must be no value when \`operator\` is 'Exist' or 'DoesNotExist' for scope selector`],
  ],
  [{ hard, ...selector('PriorityClass', 'Like', ['a']) }, [`${at}.operator: not a valid selector operator`]],
  [
    { hard, ...selector('BestEffort', 'In', ['a']) },
    [
      `${at}.operator: must be 'Exist' when scope is any of ResourceQuotaScopeTerminating, ResourceQuotaScopeNotTerminating, ResourceQuotaScopeBestEffort, ResourceQuotaScopeNotBestEffort or ResourceQuotaScopeCrossNamespacePodAffinity`,
    ],
  ],
  [{ hard, ...selector('Often', 'Exists') }, [`${at}.scopeName: unsupported scope`]],
])('%j', (spec, expected) => {
  const said = validateQuotaScopes(spec, 'spec').map(
    ({ field, message }) =>
      `${field}: ${message.replace(/^(Invalid value: .*|Required value): (?=unsup|confl|must|not a)/, '')}`,
  );
  expect(said).toEqual(expected);
});

test('a name is a quota’s or says whose it is, and scopes stay', () => {
  for (const name of [
    'pods',
    'requests.hugepages-2Mi',
    'count/widgets.example.com',
    'requests.example.com/gpu',
  ])
    expect(validateQuotaName(name, 'f')).toEqual([]);
  for (const name of ['storage', 'foo']) expect(validateQuotaName(name, 'f')).toHaveLength(1);
  expect(validateQuotaUpdate({ scopes: ['BestEffort'] }, { scopes: ['BestEffort'] })).toEqual([]);
  expect(validateQuotaUpdate({}, { scopes: ['BestEffort'] })).toHaveLength(1);
});
