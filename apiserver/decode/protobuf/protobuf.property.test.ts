import fc, { type GeneratorValue } from 'fast-check';
import { describe, expect, test } from 'vitest';
import { StatusError } from '../../../api/status-error.ts';
import { type DecodeRequest, decodeObject } from '../decode.ts';
import { Schemas, schemaFacts } from '../schema.ts';
import { MessageReader } from './message-reader.ts';
import { messageNameOf, type ProtobufMessage, ProtobufMessages, type ProtobufType } from './messages.ts';

const schemas = new Schemas();
const messages = new MessageReader(schemas);
const facts = new ProtobufMessages(schemas);
const maxDepth = 6;

/** A value as JSON has it, and its bytes on the wire without the tag. */
interface Sample {
  readonly json: unknown;
  readonly wire: Buffer;
}

function varint(value: bigint): Buffer {
  const bytes: number[] = [];
  let rest = BigInt.asUintN(64, value);
  for (; rest > 0x7fn; rest >>= 7n) bytes.push(Number(rest & 0x7fn) | 0x80);
  return Buffer.from([...bytes, Number(rest)]);
}

const sized = (bytes: Buffer): Buffer => Buffer.concat([varint(BigInt(bytes.length)), bytes]);
const tagged = (field: number, wireType: number, bytes: Buffer): Buffer =>
  Buffer.concat([varint(BigInt(field * 8 + wireType)), bytes]);
const text = (field: number, value: string): Buffer => tagged(field, 2, sized(Buffer.from(value)));
const number = (field: number, value: number): Buffer => tagged(field, 0, varint(BigInt(value)));

const wireTypeOf = ({ kind }: ProtobufType): number =>
  kind === 'double' ? 1 : ['bool', 'int32', 'int64'].includes(kind) ? 0 : 2;

const aText = fc.string({ unit: 'grapheme', maxLength: 8 });
const aSecond = fc.integer({ min: 1, max: 4_000_000_000 });
const isoOf = (seconds: number, fraction: string): string =>
  new Date(seconds * 1000).toISOString().replace(/\.\d{3}Z$/, `${fraction}Z`);

const special: Readonly<Record<string, (gen: GeneratorValue) => Sample>> = {
  Quantity(gen) {
    const json = gen(fc.constantFrom, '0', '1', '500m', '2Gi');
    return { json, wire: text(1, json) };
  },
  IntOrString(gen) {
    if (!gen(fc.boolean)) {
      const json = gen(fc.integer, { min: 0, max: 70_000 });
      return { json, wire: Buffer.concat([number(1, 0), number(2, json), text(3, '')]) };
    }
    return { json: '25%', wire: Buffer.concat([number(1, 1), number(2, 0), text(3, '25%')]) };
  },
  Time(gen) {
    const seconds = gen(() => aSecond);
    return { json: isoOf(seconds, ''), wire: Buffer.concat([number(1, seconds), number(2, 0)]) };
  },
  MicroTime(gen) {
    const seconds = gen(() => aSecond);
    const micros = gen(fc.integer, { min: 0, max: 999_999 });
    const json = isoOf(seconds, `.${String(micros).padStart(6, '0')}`);
    return { json, wire: Buffer.concat([number(1, seconds), number(2, micros * 1000)]) };
  },
  FieldsV1: () => raw({ 'f:metadata': {} }),
  RawExtension: () => raw({ kind: 'A', list: [1, null] }),
  JSON: () => raw({ a: [1] }),
  Verbs: (gen) => texts(gen),
  ExtraValue: (gen) => texts(gen),
  JSONSchemaPropsOrBool: () => ({ json: true, wire: number(1, 1) }),
  JSONSchemaPropsOrArray: () => ({ json: { type: 'string' }, wire: tagged(1, 2, sized(text(5, 'string'))) }),
  JSONSchemaPropsOrStringArray: () => ({
    json: ['a', 'b'],
    wire: Buffer.concat([text(2, 'a'), text(2, 'b')]),
  }),
};

const raw = (json: object): Sample => ({ json, wire: text(1, JSON.stringify(json)) });

function texts(gen: GeneratorValue): Sample {
  const json = gen(fc.array, aText, { maxLength: 3 });
  return { json, wire: Buffer.concat(json.map((item) => text(1, item))) };
}

function sampleValue(gen: GeneratorValue, type: ProtobufType, depth: number): Sample {
  switch (type.kind) {
    case 'string': {
      const json = gen(() => aText);
      return { json, wire: sized(Buffer.from(json)) };
    }
    case 'bytes': {
      const bytes = Buffer.from(gen(fc.uint8Array, { maxLength: 6 }));
      return { json: bytes.toString('base64'), wire: sized(bytes) };
    }
    case 'bool': {
      const json = gen(fc.boolean);
      return { json, wire: varint(json ? 1n : 0n) };
    }
    case 'int32': {
      const json = gen(fc.integer);
      return { json, wire: varint(BigInt(json)) };
    }
    case 'int64': {
      const json = gen(fc.maxSafeInteger);
      return { json, wire: varint(BigInt(json)) };
    }
    case 'double': {
      const wire = Buffer.alloc(8);
      wire.writeDoubleLE(1.5);
      return { json: 1.5, wire };
    }
    case 'message': {
      const name = type.message.slice(type.message.lastIndexOf('.') + 1);
      const sample = special[name]?.(gen) ?? sampleMessage(gen, facts.get(type.message), depth + 1);
      return { json: sample.json, wire: sized(sample.wire) };
    }
    case 'map':
      throw new Error('maps are sampled with their field');
  }
}

function sampleMessage(gen: GeneratorValue, message: ProtobufMessage, depth: number): Sample {
  const json: Record<string, unknown> = {};
  const wire: Buffer[] = [];
  for (const [field, { name, type, repeated, inlined }] of message.fields) {
    const isDeep = type.kind === 'message' || type.kind === 'map';
    if (isDeep && depth > maxDepth) continue;
    // A volume or a JSON schema has dozens of fields: some are enough.
    if (gen(fc.integer, { min: 0, max: 3 }) > (message.fields.size > 12 ? 0 : 1)) continue;
    if (inlined !== undefined) {
      const inner = sampleMessage(gen, inlined, depth + 1);
      Object.assign(json, inner.json);
      wire.push(tagged(field, 2, sized(inner.wire)));
    } else if (type.kind === 'map') {
      const key = gen(() => aText);
      const value = sampleValue(gen, type.values, depth);
      json[name] = { [key]: value.json };
      const entry = [text(1, key), tagged(2, wireTypeOf(type.values), value.wire)];
      wire.push(tagged(field, 2, sized(Buffer.concat(entry))));
    } else if (repeated) {
      const items = [0, 1].map(() => sampleValue(gen, type, depth));
      json[name] = items.map((item) => item.json);
      for (const item of items) wire.push(tagged(field, wireTypeOf(type), item.wire));
    } else {
      const value = sampleValue(gen, type, depth);
      json[name] = value.json;
      wire.push(tagged(field, wireTypeOf(type), value.wire));
    }
  }
  return { json, wire: Buffer.concat(wire) };
}

function bodyOf(apiVersion: string, kind: string, message: Buffer): Buffer {
  const typeMeta = Buffer.concat([text(1, apiVersion), text(2, kind)]);
  const envelope = [
    text(1, typeMeta.toString('latin1')),
    tagged(2, 2, sized(message)),
    text(3, ''),
    text(4, ''),
  ];
  return Buffer.concat([Buffer.from('k8s\0'), ...envelope]);
}

const definitions = [
  'io.k8s.api.core.v1.Pod',
  'io.k8s.api.core.v1.ConfigMap',
  'io.k8s.api.core.v1.Secret',
  'io.k8s.api.core.v1.Service',
  'io.k8s.api.core.v1.Node',
  'io.k8s.api.core.v1.PersistentVolume',
  'io.k8s.api.apps.v1.Deployment',
  'io.k8s.api.apps.v1.ControllerRevision',
  'io.k8s.api.autoscaling.v2.HorizontalPodAutoscaler',
  'io.k8s.api.events.v1.Event',
  'io.k8s.api.networking.v1.Ingress',
  'io.k8s.api.rbac.v1.ClusterRole',
  'io.k8s.api.authorization.v1.SubjectAccessReview',
  'io.k8s.api.authentication.v1.TokenRequest',
  'io.k8s.api.admissionregistration.v1.ValidatingAdmissionPolicy',
  'io.k8s.api.admissionregistration.v1.ValidatingWebhookConfiguration',
  'io.k8s.api.policy.v1.Eviction',
  'io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1.CustomResourceDefinition',
  'io.k8s.apimachinery.pkg.apis.meta.v1.DeleteOptions',
];

function requestOf(definition: string, contentType: string, body: Buffer): DecodeRequest {
  const kind = schemaFacts.get(definition)?.['x-kubernetes-group-version-kind']?.[0];
  if (kind === undefined) throw new Error(`${definition} has a kind`);
  const schema = schemas.struct(definition);
  return { kind, schema, messages, contentType, body, fieldValidation: 'Strict' };
}

const protobuf = 'application/vnd.kubernetes.protobuf';

function decodeWire(definition: string, message: Buffer): unknown {
  const { kind } = requestOf(definition, protobuf, message);
  const apiVersion = kind.group === '' ? kind.version : `${kind.group}/${kind.version}`;
  return decodeObject(requestOf(definition, protobuf, bodyOf(apiVersion, kind.kind, message))).object;
}

describe('protobuf bodies', () => {
  test.each(definitions)('%s reads as its JSON does', (definition) => {
    fc.assert(
      fc.property(fc.gen(), (gen) => {
        const sample = sampleMessage(gen, facts.get(messageNameOf(definition)), 0);
        const json = Buffer.from(JSON.stringify(sample.json));
        const expected = decodeObject(requestOf(definition, 'application/json', json)).object;
        expect(decodeWire(definition, sample.wire)).toEqual(expected);
      }),
      { numRuns: 60 },
    );
  });

  test('a wrong field number is noticed', () => {
    const wire = Buffer.concat([tagged(1, 2, sized(text(3, 'a')))]);
    const json = Buffer.from('{"metadata":{"name":"a"}}');
    const expected = decodeObject(requestOf('io.k8s.api.core.v1.Pod', 'application/json', json)).object;
    expect(decodeWire('io.k8s.api.core.v1.Pod', wire)).not.toEqual(expected);
  });

  test('damaged bytes are refused with 400 or read as something else, never anything worse', () => {
    const definition = fc.constantFrom(...definitions);
    fc.assert(
      fc.property(fc.gen(), definition, fc.nat(), fc.nat(255), fc.boolean(), (gen, name, at, byte, cut) => {
        const { wire } = sampleMessage(gen, facts.get(messageNameOf(name)), 0);
        const body = bodyOf('v1', 'Pod', wire);
        const place = at % body.length;
        body[place] = byte;
        const damaged = cut ? body.subarray(0, place) : body;
        try {
          decodeWire(name, damaged);
          decodeObject(requestOf(name, protobuf, damaged));
        } catch (error) {
          expect(error).toBeInstanceOf(StatusError);
          expect(error).toMatchObject({ code: 400, reason: 'BadRequest' });
        }
      }),
      { numRuns: 2_000 },
    );
  }, 60_000);
});
