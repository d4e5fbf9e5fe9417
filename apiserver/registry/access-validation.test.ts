import { describe, expect, it } from 'vitest';
import { Judge } from '../../test/support/judged.ts';

const group = 'rbac.authorization.k8s.io';
const roles = new Judge(group, 'v1', 'roles');
const clusterRoles = new Judge(group, 'v1', 'clusterroles', '');
const bindings = new Judge(group, 'v1', 'rolebindings');
const clusterBindings = new Judge(group, 'v1', 'clusterrolebindings', '');
const events = new Judge('', 'v1', 'events', 'n');
const newEvents = new Judge('events.k8s.io', 'v1', 'events', 'n');

const rule = (of: object) => ({ rules: [{ verbs: ['get'], apiGroups: [''], resources: ['pods'], ...of }] });
const roleRef = { apiGroup: group, kind: 'ClusterRole', name: 'r' };
const bound = (subject: object) => ({ roleRef, subjects: [subject] });
const url = (detail: string): string => `rules[0].nonResourceURLs: Invalid value: ["/healthz"]: ${detail}`;
const nowhere = { nonResourceURLs: ['/healthz'], apiGroups: [], resources: [] };

describe('roles', () => {
  it.each<[Judge, object, string[]]>([
    [roles, rule({ verbs: [] }), ['rules[0].verbs: Required value: verbs must contain at least one value']],
    [
      roles,
      rule({ apiGroups: [], resources: [] }),
      [
        'rules[0].apiGroups: Required value: resource rules must supply at least one api group',
        'rules[0].resources: Required value: resource rules must supply at least one resource',
      ],
    ],
    [roles, rule(nowhere), [url('namespaced rules cannot apply to non-resource URLs')]],
    [clusterRoles, rule(nowhere), []],
    [
      clusterRoles,
      rule({ nonResourceURLs: ['/healthz'] }),
      [url('rules cannot apply to both regular resources and non-resource URLs')],
    ],
    [
      clusterRoles,
      { aggregationRule: {} },
      [
        'aggregationRule.clusterRoleSelectors: Required value: at least one clusterRoleSelector required if aggregationRule is non-nil',
      ],
    ],
  ])('are judged (%#)', (judge, content, expected) => {
    expect(judge.ofNew(content)).toEqual(expected);
  });

  it.each<[Judge, object, string[]]>([
    [
      bindings,
      { roleRef: { apiGroup: 'x', kind: 'K', name: 'a/b' } },
      [
        `roleRef.apiGroup: Unsupported value: "x": supported values: "${group}"`,
        'roleRef.kind: Unsupported value: "K": supported values: "Role", "ClusterRole"',
        'roleRef.name: Invalid value: "a/b": may not contain \'/\'',
      ],
    ],
    [
      clusterBindings,
      { roleRef: { ...roleRef, kind: 'Role', name: '' } },
      [
        'roleRef.kind: Unsupported value: "Role": supported values: "ClusterRole"',
        'roleRef.name: Required value',
      ],
    ],
    [
      bindings,
      bound({ kind: 'Robot', name: '' }),
      [
        'subjects[0].name: Required value',
        'subjects[0].kind: Unsupported value: "Robot": supported values: "ServiceAccount", "User", "Group"',
      ],
    ],
    [
      clusterBindings,
      bound({ kind: 'ServiceAccount', name: 's', apiGroup: 'x' }),
      [
        'subjects[0].apiGroup: Unsupported value: "x": supported values: ""',
        'subjects[0].namespace: Required value',
      ],
    ],
    [
      bindings,
      bound({ kind: 'User', name: 'u', apiGroup: 'x' }),
      [`subjects[0].apiGroup: Unsupported value: "x": supported values: "${group}"`],
    ],
  ])('are bound (%#)', (judge, content, expected) => {
    expect(judge.ofNew(content)).toEqual(expected);
  });

  it('are bound for good, to accounts that can be', () => {
    expect(bindings.ofChange({ roleRef }, { roleRef: { ...roleRef, name: 'other' } })).toEqual([
      `roleRef: Invalid value: {"APIGroup":"${group}","Kind":"ClusterRole","Name":"other"}: cannot change roleRef`,
    ]);
    expect(bindings.ofNew(bound({ kind: 'ServiceAccount', name: 'A' }))).toEqual([
      expect.stringContaining('subjects[0].name: Invalid value: "A": a lowercase RFC 1123 subdomain must'),
    ]);
  });
});

const eventTime = '2026-01-01T00:00:00.000000Z';
const reported = {
  eventTime,
  reportingController: 'a.b/c',
  reportingInstance: 'i',
  action: 'A',
  reason: 'R',
  type: 'Normal',
  regarding: { namespace: 'n' },
};
const foreign = 'does not match event.namespace';
const long = 'x'.repeat(129);

describe('events', () => {
  it.each<[Judge, object, string[]]>([
    [
      events,
      { involvedObject: { namespace: 'm' } },
      [`involvedObject.namespace: Invalid value: "m": ${foreign}`],
    ],
    [events, { involvedObject: {} }, [`involvedObject.namespace: Invalid value: "": ${foreign}`]],
    [
      events,
      { involvedObject: { namespace: 'm' }, eventTime, reportingComponent: 'a b', action: long },
      [
        expect.stringContaining('reportingComponent: Invalid value: "a b": name part must consist of'),
        'reportingInstance: Required value',
        'action: Invalid value: "": can have at most 128 characters',
        'reason: Required value',
      ],
    ],
    [newEvents, reported, []],
    [
      newEvents,
      { ...reported, note: 'x'.repeat(1025), type: 'Odd', deprecatedCount: 1, series: { count: 1 } },
      [
        'message: Invalid value: "": can have at most 1024 characters',
        'series.count: Invalid value: "": should be at least 2',
        'series.lastObservedTime: Required value',
        'type: Invalid value: "": has invalid value: Odd',
        'count: Invalid value: "": needs to be unset',
      ],
    ],
  ])('are judged (%#)', (judge, content, expected) => {
    expect(judge.ofNew(content)).toEqual(expected);
  });

  it('go on in their series only', () => {
    const series = { count: 2, lastObservedTime: eventTime };
    expect(newEvents.ofChange(reported, { ...reported, series })).toEqual([]);
    expect(
      newEvents.ofChange(reported, { ...reported, note: 'n', regarding: { namespace: 'n', name: 'p' } }),
    ).toEqual([
      'involvedObject: Invalid value: {"Kind":"","Namespace":"n","Name":"p","UID":"","APIVersion":"","ResourceVersion":"","FieldPath":""}: field is immutable',
      'message: Invalid value: "n": field is immutable',
    ]);
  });
});
