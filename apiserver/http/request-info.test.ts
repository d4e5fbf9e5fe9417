import { expect, test } from 'vitest';
import { parseRequestInfo } from './request-info.ts';

test.each([
  ['GET', '/api/v1/pods', { verb: 'list', resource: 'pods', namespace: '', name: '' }],
  ['GET', '/api/v1/namespaces/a/pods/b', { verb: 'get', resource: 'pods', namespace: 'a', name: 'b' }],
  ['POST', '/api/v1/namespaces/a/pods/b/exec', { verb: 'create', subresource: 'exec', name: 'b' }],
  ['DELETE', '/apis/apps/v1/namespaces/a/deployments', { verb: 'deletecollection', group: 'apps' }],
  ['PUT', '/api/v1/namespaces/a/finalize', { resource: 'namespaces', name: 'a', subresource: 'finalize' }],
  ['GET', '/api/v1/namespaces/a', { resource: 'namespaces', name: 'a', verb: 'get' }],
  ['GET', '/api/v1/watch/pods', { verb: 'watch', resource: 'pods' }],
  ['GET', '/api/v1/nodes/n/proxy/metrics/cadvisor', { subresource: 'proxy', rest: '/metrics/cadvisor' }],
])('%s %s', (method, path, expected) => {
  expect(parseRequestInfo(method, path, false)).toMatchObject({ isResource: true, ...expected });
});

test('a query may turn a list into a watch, but not a get', () => {
  expect(parseRequestInfo('GET', '/api/v1/pods', true).verb).toBe('watch');
  expect(parseRequestInfo('GET', '/api/v1/namespaces/a/pods/b', true).verb).toBe('get');
});

test.each(['/healthz', '/api', '/api/v1', '/apis/apps/v1', '/metrics'])('%s is about no resource', (path) => {
  expect(parseRequestInfo('GET', path, false)).toMatchObject({ isResource: false, path, verb: 'get' });
});
