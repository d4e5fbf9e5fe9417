import { expect, test } from 'vitest';
import type { ClusterRole } from '../../api/generated/rbac-v1.ts';
import { aggregatedRules } from './aggregated-rules.ts';

const pods = { apiGroups: [''], resources: ['pods'], verbs: ['get'] };
const jobs = { apiGroups: ['batch'], resources: ['jobs'], verbs: ['get'] };

const aRole = (
  name: string,
  labels: Record<string, string>,
  rules: ClusterRole['rules'] = [],
): ClusterRole => ({
  apiVersion: 'rbac.authorization.k8s.io/v1',
  kind: 'ClusterRole',
  metadata: { name, labels, uid: name, resourceVersion: '1', creationTimestamp: '2026-01-01T00:00:00Z' },
  rules,
});
const gathering = (name: string, label: string): ClusterRole => ({
  ...aRole(name, { [label]: 'true' }),
  aggregationRule: { clusterRoleSelectors: [{ matchLabels: { [label]: 'true' } }] },
});

test('a role gathers the rules of the roles that it selects, by name, each once, and not its own', () => {
  const view = gathering('view', 'to-view');
  const all = [
    view,
    aRole('b', { 'to-view': 'true' }, [jobs, pods]),
    aRole('a', { 'to-view': 'true' }, [pods]),
    aRole('c', { 'to-edit': 'true' }, [{ ...pods, verbs: ['delete'] }]),
  ];
  expect(aggregatedRules(view, all)).toEqual([pods, jobs]);
});

test('a role without an aggregation rule gathers nothing', () => {
  expect(aggregatedRules(aRole('a', {}, [pods]), [])).toBeUndefined();
});
