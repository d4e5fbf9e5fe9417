import { expect, test } from 'vitest';
import { takeBearer } from './bearer-protocol.ts';

const bearer = (token: string | Buffer): string =>
  `base64url.bearer.authorization.k8s.io.${Buffer.from(token).toString('base64url')}`;

function taken(protocols: string, authorization?: string): object {
  const headers = {
    'sec-websocket-protocol': protocols,
    ...(authorization === undefined ? {} : { authorization }),
  };
  takeBearer(headers);
  return headers;
}

test('a token among the protocols becomes the one that is looked at, and is passed on to nobody', () => {
  expect(taken(`v5.channel.k8s.io,${bearer('abc')}`)).toEqual({
    'sec-websocket-protocol': 'v5.channel.k8s.io',
    authorization: 'Bearer abc',
  });
  expect(taken(`${bearer('abc')}, a, b`, 'Bearer first')).toEqual({
    'sec-websocket-protocol': 'a, b',
    authorization: 'Bearer first',
  });
});

test.each([
  ['alone', bearer('abc'), {}],
  ['twice', `a, ${bearer('abc')}, ${bearer('def')}`, { 'sec-websocket-protocol': 'a' }],
  ['in no characters', `a, ${bearer(Buffer.from([0xff, 0xfe]))}`, { 'sec-websocket-protocol': 'a' }],
  ['not at all', 'a,b', { 'sec-websocket-protocol': 'a,b' }],
])('a token that comes %s is not used', (_how, protocols, headers) => {
  expect(taken(protocols)).toEqual(headers);
});
