import { expect, test } from 'vitest';
import { signingRequest } from '../../test/support/signing-request.ts';
import { requestedSubject } from './requested-subject.ts';

/** DER with lengths below 128, unless `long` gives them a byte more than they need. */
const der = (tag: number, body: Buffer, long = false): Buffer =>
  Buffer.concat([Buffer.from(long ? [tag, 0x81, body.length] : [tag, body.length]), body]);

const utf8 = 0x0c;
const bmp = 0x1e;
const organization = Buffer.from([0x55, 0x04, 0x0a]);
const commonName = Buffer.from([0x55, 0x04, 0x03]);

const attribute = (type: Buffer, value: Buffer): Buffer =>
  der(0x31, der(0x30, Buffer.concat([der(0x06, type), value])));

const pem = (bytes: Buffer, type = 'CERTIFICATE REQUEST'): string =>
  `-----BEGIN ${type}-----\n${bytes.toString('base64')}\n-----END ${type}-----\n`;

function requestOf(...attributes: readonly Buffer[]): Buffer {
  const version = der(0x02, Buffer.from([0]));
  return der(0x30, der(0x30, Buffer.concat([version, der(0x30, Buffer.concat(attributes))])));
}

const subjectOf = (text: string): ReturnType<typeof requestedSubject> =>
  requestedSubject(Buffer.from(text).toString('base64'));

const masters = attribute(organization, der(utf8, Buffer.from('system:masters')));
const devs = attribute(organization, der(utf8, Buffer.from('devs')));
const me = attribute(commonName, der(utf8, Buffer.from('me')));
const you = attribute(commonName, der(utf8, Buffer.from('you')));

test('a request names people and groups in any kind of string', () => {
  expect(subjectOf(pem(requestOf(devs, me, masters, you)))).toEqual({
    ...{ commonName: 'you', organizations: ['devs', 'system:masters'] },
  });
  const wide = Buffer.from('system:masters', 'utf16le').swap16();
  expect(subjectOf(pem(requestOf(attribute(organization, der(bmp, wide)))))).toEqual({
    ...{ commonName: '', organizations: ['system:masters'] },
  });
});

test.each([
  ['another block first', `${pem(requestOf(masters), 'CERTIFICATE')}${pem(requestOf(devs))}`],
  ['another block behind', `${pem(requestOf(devs))}${pem(requestOf(masters))}`],
  ['a head in the block', pem(requestOf(devs)).replace('\n', '\na: b\n\n')],
  ['padding in between', pem(requestOf(devs)).replace(/\n(....)/, '\n$1==')],
  ['bytes behind', pem(Buffer.concat([requestOf(devs), Buffer.from([0])]))],
  ['a length with a byte too many', pem(der(0x30, der(0x30, Buffer.alloc(0)), true))],
  [
    'a length of a name with a byte too many',
    pem(requestOf(attribute(organization, der(utf8, Buffer.from('system:masters'), true)))),
  ],
  [
    'a string in parts',
    pem(requestOf(attribute(organization, der(0x2c, der(utf8, Buffer.from('system:masters')))))),
  ],
  ['half a letter', pem(requestOf().subarray(0, 5))],
  ['nothing', ''],
])('what readers may understand in different ways is not read: %s', (_, text) => {
  expect(subjectOf(text)).toBeUndefined();
});

test('what a generator makes is read', async () => {
  expect(requestedSubject(await signingRequest('system:node:host-1'))?.commonName).toBe('system:node:host-1');
  expect(requestedSubject('bm9uZQ==')).toBeUndefined();
});
