import { createHmac } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import type { Secret } from '../../api/generated/core-v1.ts';
import { isSignedWith } from '../../client/cluster-info.ts';
import { planSignatures } from './plan-signatures.ts';
import { endOfToken, tokenSecretType } from './token-secret.ts';

const nowMs = Date.parse('2026-06-01T00:00:00Z');
const encode = (text: string): string => Buffer.from(text).toString('base64');

function aToken(id: string, values: Readonly<Record<string, string>> = {}): Secret {
  const all = {
    ...{ 'token-id': id, 'token-secret': `${id}0123456789`, 'usage-bootstrap-signing': 'true' },
    ...values,
  };
  return {
    ...{ apiVersion: 'v1', kind: 'Secret', type: tokenSecretType },
    metadata: { name: `bootstrap-token-${id}`, uid: id, resourceVersion: '1', creationTimestamp: '' },
    data: Object.fromEntries(Object.entries(all).map(([key, value]) => [key, encode(value)])),
  };
}

describe('cluster-info', () => {
  const data = { kubeconfig: 'the text' };

  it('carries a signature of each token, as a detached JWS', () => {
    const planned = planSignatures(data, [aToken('abcdef'), aToken('ghijkl')], nowMs);
    expect(Object.keys(planned ?? {}).sort()).toEqual([
      ...['jws-kubeconfig-abcdef', 'jws-kubeconfig-ghijkl', 'kubeconfig'],
    ]);
    const [header = '', payload, signature] = (planned?.['jws-kubeconfig-abcdef'] ?? '').split('.');
    expect(Buffer.from(header, 'base64url').toString()).toBe('{"alg":"HS256","kid":"abcdef"}');
    expect(payload).toBe('');
    const input = `${header}.${Buffer.from('the text').toString('base64url')}`;
    expect(signature).toBe(createHmac('sha256', 'abcdef0123456789').update(input).digest('base64url'));
    expect(planSignatures(planned ?? {}, [aToken('abcdef'), aToken('ghijkl')], nowMs)).toBeUndefined();
  });

  it('is verified by the secret, and by no other secret, text or id', () => {
    const token = { id: 'abcdef', secret: 'abcdef0123456789' };
    const signature = planSignatures(data, [aToken('abcdef')], nowMs)?.['jws-kubeconfig-abcdef'] ?? '';
    expect(isSignedWith(token, 'the text', signature)).toBe(true);
    expect(isSignedWith({ ...token, secret: 'abcdef0123456788' }, 'the text', signature)).toBe(false);
    expect(isSignedWith({ ...token, id: 'abcdeg' }, 'the text', signature)).toBe(false);
    expect(isSignedWith(token, 'another text', signature)).toBe(false);
    expect(isSignedWith(token, 'the text', '')).toBe(false);
  });

  it.each<[string, Secret]>([
    ['has ended', aToken('abcdef', { expiration: '2026-05-31T23:59:59Z' })],
    ['has an end that is no time', aToken('abcdef', { expiration: 'soon' })],
    ['is not for signing', aToken('abcdef', { 'usage-bootstrap-signing': 'false' })],
    ['has another name', aToken('abcdef', { 'token-id': 'ghijkl' })],
    ['has no secret', aToken('abcdef', { 'token-secret': '' })],
  ])('carries none of a token that %s, and loses the one it had', (_what, secret) => {
    expect(planSignatures({ ...data, 'jws-kubeconfig-abcdef': 'x' }, [secret], nowMs)).toEqual(data);
  });
});

it('a token without an end lasts', () => {
  expect(endOfToken(aToken('abcdef'))).toBe(Number.POSITIVE_INFINITY);
  expect(endOfToken(aToken('abcdef', { expiration: '2026-06-01T00:00:00Z' }))).toBe(nowMs);
});
