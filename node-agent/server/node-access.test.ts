import type { IncomingMessage } from 'node:http';
import { beforeEach, describe, expect, test } from 'vitest';
import { silentLogger } from '../../base/logger.ts';
import type { RawRequest, RawResponse } from '../../client/client.ts';
import { ManualClock } from '../../test/support/manual-clock.ts';
import { isTrusted, userOfCertificate } from './client-identity.ts';
import { NodeAccess } from './node-access.ts';
import { questionOf } from './node-attributes.ts';
import { ReviewCache } from './review-cache.ts';

interface Review {
  readonly kind: string;
  readonly spec: {
    readonly token?: string;
    readonly user?: string;
    readonly resourceAttributes?: { readonly verb: string; readonly subresource: string };
  };
}

let clock: ManualClock;
let asked: Review[];
let allowed: string[];
let isDown: boolean;
let access: NodeAccess;

/** Knows the token `good`, and allows what `allowed` lists. */
async function review({ body }: RawRequest): Promise<RawResponse> {
  const sent = JSON.parse(String(body)) as Review;
  asked.push(sent);
  if (isDown) throw new Error('nobody answers');
  const { token, resourceAttributes: wanted } = sent.spec;
  const user = { username: 'system:serviceaccount:m:prometheus', groups: ['system:serviceaccounts'] };
  const status =
    sent.kind === 'TokenReview'
      ? token === 'good' && { authenticated: true, user }
      : { allowed: allowed.includes(`${wanted?.verb} ${wanted?.subresource}`) };
  return { status: 201, headers: {}, body: Buffer.from(JSON.stringify({ ...sent, status: status || {} })) };
}

beforeEach(() => {
  clock = new ManualClock();
  asked = [];
  allowed = ['get metrics'];
  isDown = false;
  access = new NodeAccess({ nodeName: 'n', client: { request: review }, clock, logger: silentLogger });
});

const check = (url: string, token?: string, method = 'GET'): Promise<void> => {
  const headers = token === undefined ? {} : { authorization: `Bearer ${token}` };
  return access.check({ url, method, headers, socket: {} } as IncomingMessage);
};
const refusal = (status: number, message: string): object => expect.objectContaining({ status, message });

describe('who may ask a node', () => {
  test('whoever has a token and the right; the API server is asked once', async () => {
    await check('/metrics/cadvisor', 'good');
    await check('/metrics', 'good');
    expect(asked.map(({ kind }) => kind)).toEqual(['TokenReview', 'SubjectAccessReview']);
    expect(asked[1]?.spec).toEqual({
      ...{ user: 'system:serviceaccount:m:prometheus', groups: ['system:serviceaccounts'] },
      resourceAttributes: {
        verb: 'get',
        version: 'v1',
        resource: 'nodes',
        subresource: 'metrics',
        name: 'n',
      },
    });
  });

  test('nobody without a token or with a wrong one, and nothing is asked for the first', async () => {
    await expect(check('/metrics')).rejects.toEqual(refusal(401, 'Unauthorized'));
    expect(asked).toEqual([]);
    await expect(check('/metrics', 'bad')).rejects.toEqual(refusal(401, 'Unauthorized'));
    await expect(check('/metrics', 'bad')).rejects.toEqual(refusal(401, 'Unauthorized'));
    expect(asked).toHaveLength(1);
  });

  test('who lacks the right is told which, in the words of the kubelet', async () => {
    const user = 'user=system:serviceaccount:m:prometheus';
    await expect(check('/pods', 'good')).rejects.toEqual(
      refusal(403, `Forbidden (${user}, verb=get, resource=nodes, subresource(s)=[pods proxy])\n`),
    );
    await expect(check('/exec/default/web/main', 'good')).rejects.toEqual(
      refusal(403, `Forbidden (${user}, verb=create, resource=nodes, subresource(s)=[proxy])\n`),
    );
  });

  test('what is allowed is believed for five minutes, what is denied for 30 seconds', async () => {
    const reviews = (): number => asked.filter(({ kind }) => kind === 'SubjectAccessReview').length;
    await check('/metrics', 'good');
    await expect(check('/stats/summary', 'good')).rejects.toThrow('Forbidden');
    await clock.advance(29_000);
    allowed = ['get stats'];
    await expect(check('/stats/summary', 'good')).rejects.toThrow('Forbidden');
    expect(reviews()).toBe(2);
    await clock.advance(1_000);
    await check('/stats/summary', 'good');
    expect(reviews()).toBe(3);
    await clock.advance(269_000);
    await check('/metrics', 'good');
    expect(reviews()).toBe(3);
    await clock.advance(1_000);
    await expect(check('/metrics', 'good')).rejects.toThrow('Forbidden');
  });

  test('nobody new while the API server does not answer; who is known goes on', async () => {
    await check('/metrics', 'good');
    isDown = true;
    await check('/metrics', 'good');
    await expect(check('/pods', 'good')).rejects.toEqual(
      refusal(
        500,
        'Authorization error (user=system:serviceaccount:m:prometheus, verb=get, resource=nodes, subresource=pods)',
      ),
    );
    await expect(check('/metrics', 'other')).rejects.toEqual(refusal(401, 'Unauthorized'));
    isDown = false;
    await expect(check('/pods', 'good')).rejects.toThrow('Forbidden');
  });
});

test.each([
  ['GET', '/pods', 'get pods proxy'],
  ['GET', '//x/pods', 'get pods proxy'],
  ['GET', '/%70ods', 'get pods proxy'],
  ['GET', '/runningpods/', 'get pods proxy'],
  ['GET', '/healthz', 'get healthz proxy'],
  ['GET', '/stats/summary', 'get stats'],
  ['GET', '/metrics/resource', 'get metrics'],
  ['GET', '/metricsandmore', 'get proxy'],
  ['GET', '/logs/', 'get log'],
  ['GET', '/containerLogs/a/b/c', 'get proxy'],
  ['GET', '/exec/a/b/c', 'create proxy'],
  ['GET', '/portForward/a/b', 'create proxy'],
  ['POST', '/attach/a/b/c', 'create proxy'],
  ['CONNECT', '10.0.0.1:80', 'create proxy'],
])('%s %s needs %s', (method, url, question) => {
  const { verb, subresources } = questionOf({ method, url });
  expect([verb, ...subresources].join(' ')).toBe(question);
});

test.each([
  [{ CN: 'kube-apiserver-kubelet-client' }, true],
  [{ CN: 'admin', O: ['dev', 'system:masters'] }, true],
  [{ CN: 'system:node:b', O: 'system:nodes' }, false],
  [{ CN: 'jane', O: 'kube-apiserver-kubelet-client' }, false],
])('the certificate %j is trusted by itself: %s', (subject, trusted) => {
  const user = userOfCertificate(subject);
  expect(user !== undefined && isTrusted(user)).toBe(trusted);
});

describe('answers that are kept', () => {
  test('are bounded, and so are questions', async () => {
    const cache = new ReviewCache<number>({ clock, maxKept: 2, maxUnderWay: 1 });
    const keep = (value: number) => async () => ({ value, keepMs: 1_000 });
    for (const at of [1, 2, 3]) expect(await cache.get(`${at}`, keep(at))).toBe(at);
    expect(await cache.get('3', keep(9))).toBe(3);
    expect(await cache.get('1', keep(9))).toBe(9);
    let answer: (reviewed: { value: number; keepMs: number }) => void = () => undefined;
    const slow = cache.get('slow', () => new Promise((resolve) => (answer = resolve)));
    const same = cache.get('slow', keep(0));
    await expect(cache.get('other', keep(0))).rejects.toThrow('more than 1 reviews at a time');
    answer({ value: 7, keepMs: 0 });
    expect(await Promise.all([slow, same])).toEqual([7, 7]);
    expect(await cache.get('slow', keep(8))).toBe(8);
  });
});
