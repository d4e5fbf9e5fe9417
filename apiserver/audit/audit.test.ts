import { describe, expect, test } from 'vitest';
import type { UserInfo } from '../registry/strategy.ts';
import { type AuditFacts, toAuditLine } from './audit-event.ts';
import { type AuditedRequest, defaultAuditPolicy, parseAuditPolicy, ruleFor } from './policy.ts';

const aUser = (name: string, ...groups: readonly string[]): UserInfo => ({
  name,
  uid: '',
  groups,
  extra: {},
});
const admin = aUser('admin', 'system:masters');

const aRequest = (verb: string, path: string, name = ''): AuditedRequest & { readonly version: string } => {
  const [resource = '', subresource = ''] = path.split('/').slice(1);
  const [group = ''] = path.split('/');
  return {
    ...{ isResource: true, path: `/${path}`, verb, group, version: 'v1', resource, subresource },
    ...{ namespace: 'default', name },
  };
};
const policyOf = (...rules: readonly object[]) =>
  parseAuditPolicy(JSON.stringify({ apiVersion: 'audit.k8s.io/v1', kind: 'Policy', rules }));
const levelOf = (rules: readonly object[], request: AuditedRequest, user = admin): string =>
  ruleFor(policyOf(...rules), request, user)?.level ?? 'None';

describe('an audit policy', () => {
  test.each([
    [{ level: 'Request', users: ['admin'] }, 'Request'],
    [{ level: 'Request', users: ['other'] }, 'None'],
    [{ level: 'Request', userGroups: ['system:masters'] }, 'Request'],
    [{ level: 'Request', verbs: ['get'] }, 'None'],
    [{ level: 'Request', namespaces: ['default'] }, 'Request'],
    [{ level: 'Request', namespaces: [''] }, 'None'],
    [{ level: 'Request', resources: [{ group: '' }] }, 'Request'],
    [{ level: 'Request', resources: [{ group: 'apps' }] }, 'None'],
    [{ level: 'Request', resources: [{ group: '', resources: ['pods'] }] }, 'None'],
    [{ level: 'Request', resources: [{ group: '', resources: ['pods/*'] }] }, 'Request'],
    [{ level: 'Request', resources: [{ group: '', resources: ['*/status'] }] }, 'Request'],
    [
      { level: 'Request', resources: [{ group: '', resources: ['pods/status'], resourceNames: ['b'] }] },
      'None',
    ],
    [{ level: 'Request', nonResourceURLs: ['/*'] }, 'None'],
  ])('%j decides on an update of pods/status with %s', (rule, level) => {
    expect(levelOf([rule], aRequest('update', '/pods/status', 'a'))).toBe(level);
  });

  test('pods/* are pods, too', () => {
    const rule = { level: 'Request', resources: [{ group: '', resources: ['pods/*'] }] };
    expect(levelOf([rule], aRequest('update', '/pods', 'a'))).toBe('Request');
    expect(levelOf([rule], aRequest('update', '/nodes', 'a'))).toBe('None');
  });

  test('the first rule that matches decides', () => {
    const rules = [{ level: 'None', users: ['admin'] }, { level: 'Metadata' }];
    expect(levelOf(rules, aRequest('get', '/pods'))).toBe('None');
    expect(levelOf(rules, aRequest('get', '/pods'), aUser('other'))).toBe('Metadata');
  });

  test.each(['/secrets', '/serviceaccounts/token', 'authentication.k8s.io/tokenreviews'])(
    'never asks for the bodies of %s',
    (path) => {
      expect(levelOf([{ level: 'RequestResponse' }], aRequest('create', path))).toBe('Metadata');
    },
  );

  test('tells by itself who changes what, and not that the cluster breathes', () => {
    const node = aUser('system:node:a', 'system:nodes');
    const level = (request: AuditedRequest, user: UserInfo) =>
      ruleFor(defaultAuditPolicy, request, user)?.level;
    expect(level(aRequest('create', '/pods'), admin)).toBe('Metadata');
    expect(level(aRequest('get', '/secrets', 'a'), admin)).toBe('Metadata');
    expect(level(aRequest('update', 'coordination.k8s.io/leases'), node)).toBeUndefined();
    expect(level(aRequest('patch', '/pods/status'), node)).toBeUndefined();
    expect(level(aRequest('delete', '/pods'), node)).toBe('Metadata');
    const health = { ...aRequest('get', '/x'), isResource: false, path: '/livez/ping' };
    expect(level(health, admin)).toBeUndefined();
  });

  test.each([
    [{ level: 'Loud' }, /rules\[0\]\.level: must be one of None/],
    [{ level: 'None', omitStages: ['Never'] }, /rules\[0\]\.omitStages/],
    [{ level: 'None', verbs: [1] }, /rules\[0\]\.verbs: must be strings/],
    [{ level: 'None', resources: [{ resourceNames: ['a'] }] }, /requires at least one resource/],
    [{ level: 'None', namespaces: ['a'], nonResourceURLs: ['/x'] }, /cannot apply to both/],
  ])('is refused by the field: %j', (rule, message) => {
    expect(() => policyOf(rule)).toThrow(message);
  });
});

describe('an audit event', () => {
  const facts: AuditFacts = {
    auditId: 'id',
    level: 'RequestResponse',
    request: aRequest('create', 'apps/deployments', 'web'),
    uri: '/apis/apps/v1/namespaces/default/deployments',
    user: admin,
    impersonated: aUser('jane'),
    sourceIps: ['127.0.0.1'],
    userAgent: 'kubectl',
    receivedMs: 0,
    notes: { annotations: new Map() },
    omitManagedFields: false,
  };

  test('tells who did what to which object, and how it ended', () => {
    const status = { reason: 'Forbidden', message: 'no' };
    const outcome = { stage: 'ResponseComplete', atMs: 5, code: 403, status } as const;
    expect(JSON.parse(toAuditLine(facts, outcome))).toMatchObject({
      kind: 'Event',
      apiVersion: 'audit.k8s.io/v1',
      auditID: 'id',
      verb: 'create',
      user: { username: 'admin', groups: ['system:masters'] },
      impersonatedUser: { username: 'jane' },
      objectRef: {
        resource: 'deployments',
        apiGroup: 'apps',
        apiVersion: 'v1',
        namespace: 'default',
        name: 'web',
      },
      responseStatus: { code: 403, status: 'Failure', reason: 'Forbidden', message: 'no' },
      requestReceivedTimestamp: '1970-01-01T00:00:00.000000Z',
      stageTimestamp: '1970-01-01T00:00:00.005000Z',
    });
  });

  test('names what the body names where the path names nothing', () => {
    const request = aRequest('create', '/configmaps');
    const object = { name: 'a', namespace: 'other', uid: 'u', resourceVersion: '7' };
    const read = (named: AuditFacts['notes']['object']): unknown => {
      const notes = {
        annotations: new Map<string, string>(),
        ...(named === undefined ? {} : { object: named }),
      };
      const line = toAuditLine(
        { ...facts, request, notes },
        { stage: 'ResponseComplete', atMs: 5, code: 201 },
      );
      return (JSON.parse(line) as { objectRef: unknown }).objectRef;
    };
    const path = { resource: 'configmaps', namespace: 'default', apiVersion: 'v1' };
    expect(read(undefined)).toEqual(path);
    expect(read({ name: undefined })).toEqual(path);
    expect(read(object)).toEqual({ ...path, name: 'a', uid: 'u', resourceVersion: '7' });
  });

  test('tells of an answer that is a status, with what it is about', () => {
    const details = { name: 'web', kind: 'deployments' };
    const notes = { annotations: new Map<string, string>(), answer: { status: 'Success', details } as const };
    const line = toAuditLine({ ...facts, notes }, { stage: 'ResponseComplete', atMs: 5, code: 200 });
    expect(JSON.parse(line)).toMatchObject({
      responseStatus: { metadata: {}, status: 'Success', details, code: 200 },
    });
  });

  test('carries the bodies that its level asks for, unless they are too large', () => {
    const outcome = {
      ...({ stage: 'ResponseComplete', atMs: 5, code: 201 } as const),
      requestBody: Buffer.from('{"a":1}'),
      responseBody: Buffer.from('{"b":2}'),
    };
    const read = (level: AuditFacts['level'], changes: object = {}): object =>
      JSON.parse(toAuditLine({ ...facts, level }, { ...outcome, ...changes })) as object;
    expect(read('Metadata')).not.toHaveProperty('requestObject');
    expect(read('Request')).toMatchObject({ requestObject: { a: 1 } });
    expect(read('Request')).not.toHaveProperty('responseObject');
    expect(read('RequestResponse')).toMatchObject({ requestObject: { a: 1 }, responseObject: { b: 2 } });
    const large = read('Request', { requestBody: Buffer.from(`{"a":"${'x'.repeat(200_000)}"}`) });
    expect(large).not.toHaveProperty('requestObject');
    expect(large).toMatchObject({ annotations: { 'audit.k8s.io/truncated': 'true' } });
  });
});
