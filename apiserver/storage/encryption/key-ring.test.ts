import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { parseEncryptionConfiguration } from './configuration.ts';
import { KeyRing } from './key-ring.ts';

const secretOf = (byte: number): string => Buffer.alloc(32, byte).toString('base64');
const providerOf = (...keys: readonly string[]): object => ({
  aesgcm: { keys: keys.map((name) => ({ name, secret: secretOf(name.charCodeAt(0)) })) },
});
const rulesOf = (...providers: readonly object[]) =>
  parseEncryptionConfiguration(
    JSON.stringify({
      apiVersion: 'apiserver.config.k8s.io/v1',
      kind: 'EncryptionConfiguration',
      resources: [{ resources: ['secrets'], providers }],
    }),
  );
const ringOf = (...providers: readonly object[]): KeyRing => new KeyRing(rulesOf(...providers));

const key = '/registry/secrets/default/a';
const value = Buffer.from('{"data":{"password":"aHVudGVyMg=="}}');

function sealed(ring: KeyRing, at = key): Buffer {
  const found = ring.seal(at, value, 'v1');
  if (found === undefined) throw new Error('was not encrypted');
  return found;
}

describe('a key ring', () => {
  test('opens what it sealed, in its place and with its context only', () => {
    const ring = ringOf(providerOf('a'));
    const bytes = sealed(ring);
    expect(bytes.includes('password')).toBe(false);
    expect(ring.open(key, bytes, 'v1')).toEqual(value);
    expect(() => ring.open('/registry/secrets/default/b', bytes, 'v1')).toThrow(/for this place/);
    expect(() => ring.open(key, bytes, 'v2')).toThrow(/for this place/);
  });

  test('opens nothing in which a single bit is changed', () => {
    const ring = ringOf(providerOf('a'));
    const bytes = sealed(ring);
    fc.assert(
      fc.property(fc.nat({ max: bytes.length * 8 - 1 }), (bit) => {
        const changed = Buffer.from(bytes);
        changed[bit >> 3] = (changed[bit >> 3] ?? 0) ^ (1 << (bit & 7));
        expect(() => ring.open(key, changed, 'v1')).toThrow(/STORAGE_CORRUPT|read \/registry/);
      }),
    );
  });

  test('never gives the same bytes twice', () => {
    const ring = ringOf(providerOf('a'));
    expect(new Set(Array.from({ length: 100 }, () => sealed(ring).toString('hex'))).size).toBe(100);
  });

  test('leaves alone what the configuration does not name, and what it leaves as it is', () => {
    expect(ringOf(providerOf('a')).seal('/registry/configmaps/default/a', value, 'v1')).toBeUndefined();
    expect(ringOf({ identity: {} }, providerOf('a')).seal(key, value, 'v1')).toBeUndefined();
    expect(ringOf(providerOf('a')).covers('/registry/configmaps/default/a')).toBe(false);
    expect(ringOf(providerOf('a')).covers(key)).toBe(true);
  });

  test('writes with a new key only when every server can read it', () => {
    const old = ringOf(providerOf('a'), { identity: {} });
    const ring = ringOf(providerOf('b', 'a'), { identity: {} });
    ring.agree([old.readable]);
    expect(old.open(key, sealed(ring), 'v1')).toEqual(value);
    old.replace(rulesOf(providerOf('b', 'a'), { identity: {} }));
    expect(ring.isStale(key, sealed(ring))).toBe(false);
    const before = sealed(ring);
    ring.agree([old.readable]);
    expect(ring.isStale(key, before)).toBe(true);
    expect(ring.isStale(key, sealed(ring))).toBe(false);
    expect(old.open(key, sealed(ring), 'v1')).toEqual(value);
  });

  test('stores as it is, or not at all, what some server could not open', () => {
    const withIdentity = ringOf(providerOf('a'), { identity: {} });
    withIdentity.agree([[]]);
    expect(withIdentity.seal(key, value, 'v1')).toBeUndefined();
    expect(withIdentity.isStale(key, undefined)).toBe(false);
    const strict = ringOf(providerOf('a'));
    strict.agree([[]]);
    expect(() => strict.seal(key, value, 'v1')).toThrow(/no key that every apiserver can read/);
  });

  test('names the key that is missing', () => {
    const bytes = sealed(ringOf(providerOf('a')));
    expect(() => ringOf(providerOf('b')).open(key, bytes, 'v1')).toThrow(
      /"a", which is not in the configuration/,
    );
  });
});

describe('an encryption configuration', () => {
  const rules = [{ resources: ['secrets'], providers: [providerOf('a')] }];
  const parse = (resources: unknown, kind = 'EncryptionConfiguration') =>
    parseEncryptionConfiguration(
      JSON.stringify({ apiVersion: 'apiserver.config.k8s.io/v1', kind, resources }),
    );

  test.each([
    ['*.*', '/registry/apps/deployments/default/a', true],
    ['*.apps', '/registry/apps/deployments/default/a', true],
    ['deployments.apps', '/registry/apps/deployments/default/a', true],
    ['*.', '/registry/configmaps/default/a', true],
    ['*.', '/registry/apps/deployments/default/a', false],
    ['secrets', '/registry/configmaps/default/a', false],
    ['*.*', '/registry/masterleases', false],
  ])('%s and %s: %s', (name, at, covered) => {
    const ring = new KeyRing(parse([{ resources: [name], providers: [providerOf('a')] }]));
    expect(ring.covers(at)).toBe(covered);
  });

  test.each([
    [rules, 'Secret', /must be an EncryptionConfiguration/],
    [[], undefined, /resources: at least one/],
    [
      [{ resources: ['secrets'], providers: [{ aescbc: {} }] }],
      undefined,
      /providers\[0\]: must be aesgcm or identity/,
    ],
    [
      [{ resources: ['secrets'], providers: [{ aesgcm: {}, identity: {} }] }],
      undefined,
      /more than one provider/,
    ],
    [
      [{ resources: ['secrets'], providers: [{ aesgcm: { keys: [{ name: 'a', secret: 'eA==' }] } }] }],
      undefined,
      /keys\[0\]\.secret: must be 16, 24 or 32 bytes in base64, not 1/,
    ],
    [
      [
        ...rules,
        {
          resources: ['configmaps'],
          providers: [{ aesgcm: { keys: [{ name: 'a', secret: secretOf(9) }] } }],
        },
      ],
      undefined,
      /"a" is given twice/,
    ],
  ] as const)('is refused by the field: %#', (resources, kind, message) => {
    expect(() => parse(resources, kind)).toThrow(message);
  });

  test('is refused when it is not YAML', () => {
    expect(() => parseEncryptionConfiguration('{')).toThrow(/not YAML/);
  });
});
