import { type DecodedPacket, decode, encode, type RecordType } from 'dns-packet';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { seededRandom } from '../../base/random.ts';
import { encodeAnswer, parseQuery, type Query, responseCode } from './dns-message.ts';
import type { ServiceRecords } from './dns-records.ts';
import { DnsZone } from './dns-zone.ts';
import { upstreamsOf } from './resolv-conf.ts';

const none: ServiceRecords = { a: [], srv: [], ptr: [], cname: [] };

function aZone(records: Partial<ServiceRecords> = {}): DnsZone {
  const zone = new DnsZone({ domain: 'cluster.local', serial: 1, random: seededRandom(1) });
  zone.setReverse(['10.96.0.0/12']);
  zone.set('default/web', { ...none, ...records });
  return zone;
}

function aQuery(name: string, type: RecordType = 'A', edns = false): Query {
  const message = encode({
    id: 7,
    type: 'query',
    flags: 256,
    questions: [{ name, type }],
    ...(edns
      ? {
          additionals: [
            {
              type: 'OPT',
              name: '.',
              udpPayloadSize: 4096,
              extendedRcode: 0,
              ednsVersion: 0,
              flags: 0,
              flag_do: false,
              options: [],
            },
          ],
        }
      : {}),
  });
  const query = parseQuery(message);
  if (typeof query !== 'object') throw new Error(`not a query: ${query}`);
  return query;
}

function ask(
  zone: DnsZone,
  name: string,
  type: RecordType = 'A',
): DecodedPacket & { readonly rcode?: string } {
  const query = aQuery(name, type);
  const found = zone.lookup(query);
  if (found.kind === 'elsewhere') throw new Error('asked elsewhere');
  const message = encodeAnswer(query, found.answer, query.udpBytes);
  return decode(message);
}

test.each([
  ['web.default.svc.cluster.local', 'A', 'NOERROR', 1],
  ['WEB.default.SVC.cluster.local', 'A', 'NOERROR', 1],
  ['web.default.svc.cluster.local', 'AAAA', 'NOERROR', 0],
  ['default.svc.cluster.local', 'A', 'NOERROR', 0],
  ['cluster.local', 'SOA', 'NOERROR', 1],
  ['nobody.default.svc.cluster.local', 'A', 'NXDOMAIN', 0],
  ['web.default.svc.cluster.local.default.svc.cluster.local', 'A', 'NXDOMAIN', 0],
  ['10-244-1-3.default.pod.cluster.local', 'A', 'NOERROR', 1],
  ['10-244-1-300.default.pod.cluster.local', 'A', 'NXDOMAIN', 0],
  ['9.9.96.10.in-addr.arpa', 'PTR', 'NXDOMAIN', 0],
] as const)('%s %s answers %s with %i records', (name, type, rcode, count) => {
  const answer = ask(aZone({ a: [['web.default.svc', ['10.96.0.1']]] }), name, type);
  expect([answer.rcode, answer.answers?.length]).toEqual([rcode, count]);
  expect(answer.authorities?.map((record) => record.type)).toEqual(count === 0 ? ['SOA'] : []);
});

test('an SRV answer brings the addresses of its targets', () => {
  const zone = aZone({
    a: [['web.default.svc', ['10.96.0.1']]],
    srv: [['_http._tcp.web.default.svc', [[80, 'web.default.svc']]]],
  });
  const answer = ask(zone, '_http._tcp.web.default.svc.cluster.local', 'SRV');
  expect(answer.additionals).toMatchObject([{ name: 'web.default.svc.cluster.local', data: '10.96.0.1' }]);
});

test('an alias says where to look on', () => {
  const zone = aZone({ cname: [['web.default.svc', 'example.org']] });
  expect(zone.lookup(aQuery('web.default.svc.cluster.local'))).toMatchObject({
    kind: 'alias',
    target: 'example.org',
  });
});

test('other names are asked elsewhere', () => {
  expect(aZone().lookup(aQuery('example.org'))).toEqual({ kind: 'elsewhere' });
});

test('what a service no longer owns is denied, names above it included', () => {
  const zone = aZone({ a: [['db-0.web.default.svc', ['10.244.0.2']]] });
  zone.set('default/web', undefined);
  for (const name of ['db-0.web.default', 'web.default', 'default'])
    expect(ask(zone, `${name}.svc.cluster.local`).rcode).toBe('NXDOMAIN');
  expect(ask(zone, 'svc.cluster.local').rcode).toBe('NOERROR');
});

test('an answer too large for plain UDP is cut and says so, with EDNS it fits', () => {
  const ips = Array.from({ length: 60 }, (_, i) => `10.244.0.${i + 1}`);
  const zone = aZone({ a: [['web.default.svc', ips]] });
  const answer = (edns: boolean): DecodedPacket => {
    const query = aQuery('web.default.svc.cluster.local', 'A', edns);
    const found = zone.lookup(query);
    if (found.kind !== 'answer') throw new Error(found.kind);
    const message = encodeAnswer(query, found.answer, query.udpBytes);
    expect(message.length).toBeLessThanOrEqual(query.udpBytes);
    return decode(message);
  };
  expect(answer(false)).toMatchObject({ flag_tc: true });
  expect(answer(false).answers?.length).toBe(29);
  expect(answer(true)).toMatchObject({ flag_tc: false });
  expect(answer(true).answers?.length).toBe(60);
});

test('no datagram makes the parser throw, and what is no question is refused or ignored', () => {
  fc.assert(fc.property(fc.uint8Array({ maxLength: 80 }), (bytes) => void parseQuery(Buffer.from(bytes))));
  const twoQuestions = encode({
    type: 'query',
    questions: [
      { name: 'a', type: 'A' },
      { name: 'b', type: 'A' },
    ],
  });
  expect(parseQuery(twoQuestions)).toBe(responseCode.formatError);
  expect(parseQuery(encode({ type: 'response' }))).toBe(undefined);
});

test('the guard is never its own upstream', () => {
  expect(
    upstreamsOf('nameserver 10.96.0.10\nnameserver 192.0.2.53\nnameserver ::1\n', ['10.96.0.10']),
  ).toEqual(['192.0.2.53']);
});
