import { describe, expect, test } from 'vitest';
import { decodeObject } from '../decode.ts';
import { Schemas } from '../schema.ts';
import { MessageReader } from './message-reader.ts';

const schemas = new Schemas();
const messages = new MessageReader(schemas);

function decode(body: Buffer): unknown {
  return decodeObject({
    kind: { group: '', version: 'v1', kind: 'ConfigMap' },
    schema: schemas.struct('io.k8s.api.core.v1.ConfigMap'),
    messages,
    contentType: 'application/vnd.kubernetes.protobuf',
    body,
    fieldValidation: 'Strict',
    isKnownKind: ({ kind }) => kind === 'Secret',
  }).object;
}

const hex = (...parts: string[]): Buffer => Buffer.from(parts.join('').replace(/\s/g, ''), 'hex');
const magic = '6b387300';
const configMap = '0a0f 0a02 7631 1209 436f6e6669674d6170';
const secret = '0a0c 0a02 7631 1206 536563726574';

describe('a protobuf body', () => {
  test('is an object with its kind', () => {
    const named = '1205 0a03 0a01 61';
    expect(decode(hex(magic, configMap, named))).toEqual({
      apiVersion: 'v1',
      kind: 'ConfigMap',
      metadata: { name: 'a' },
    });
  });

  test('without a kind is of the kind that is expected', () => {
    expect(decode(hex(magic, '1205 0a03 0a01 61'))).toMatchObject({ kind: 'ConfigMap' });
  });

  test('has fields that nobody knows passed over', () => {
    const unknown = '120b 0a03 0a01 61 f80101 fb01 fc01';
    expect(decode(hex(magic, unknown.replace('120b', '120c')))).toMatchObject({ metadata: { name: 'a' } });
  });

  const unrecognized = (why: string): string =>
    `the object provided is unrecognized (must be of type ConfigMap): ${why}`;
  const unreadable = (why: string): string =>
    `ConfigMap in version "v1" cannot be handled as a ConfigMap: ${why}`;
  test.each([
    ['without anything', hex(), unrecognized('empty data (<empty>)')],
    [
      'without the prefix',
      Buffer.from('k8s'),
      unrecognized(
        'provided data does not appear to be a protobuf message, expected prefix [107 56 115 0] (6b3873)',
      ),
    ],
    ['with the prefix only', hex(magic), unrecognized('empty body (6b387300)')],
    ['that is cut off', hex(magic, '0aff'), unrecognized('unexpected EOF (6b3873000aff)')],
    ['whose object is cut off', hex(magic, configMap, '1202 0a05'), unreadable('unexpected EOF')],
    [
      'with a field of another type',
      hex(magic, configMap, '1202 0801'),
      unreadable('proto: wrong wireType = 0 for field Metadata'),
    ],
    [
      'with a number without end',
      hex(magic, configMap, '120c 20', 'ff'.repeat(11)),
      unreadable('proto: integer overflow'),
    ],
    [
      'of another kind',
      hex(magic, secret),
      'Secret in version "v1" cannot be handled as a ConfigMap: converting (v1.Secret) to (core.ConfigMap): unknown conversion',
    ],
  ])('%s is refused', (_what, body, message) => {
    expect(() => decode(body)).toThrow(expect.objectContaining({ code: 400, message }));
  });
});

test('messages within messages have a limit', () => {
  let schema: Buffer = Buffer.alloc(0);
  for (let depth = 0; depth < 300; depth++) schema = nested(28, schema);
  const definition = 'io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1.JSONSchemaProps';
  expect(() => messages.read(definition, schema)).toThrow('exceeded max depth');
});

function nested(field: number, bytes: Buffer): Buffer {
  const varint = (value: number): number[] =>
    value < 128 ? [value] : [(value & 127) | 128, ...varint(Math.floor(value / 128))];
  return Buffer.concat([Buffer.from([...varint(field * 8 + 2), ...varint(bytes.length)]), bytes]);
}
