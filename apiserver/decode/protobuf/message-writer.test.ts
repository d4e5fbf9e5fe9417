import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { discoveredKinds } from '../../../api/generated/kinds.ts';
import { toApiVersion } from '../../../api/kind-info.ts';
import { Schemas } from '../schema.ts';
import { TypedReader } from '../walk.ts';
import { readEnvelope } from './body.ts';
import { MessageReader } from './message-reader.ts';
import { messageNameOf } from './messages.ts';
import { isEncodable, messageOf, objectEncoder } from './object-encoder.ts';
import { RecentBytes } from './recent-bytes.ts';
import { WireWriter } from './wire-writer.ts';

const schemas = new Schemas();
const reader = new MessageReader(schemas);
const recorded = join(import.meta.dirname, '../../../test/parity/cases');

interface RecordedCase {
  readonly steps: readonly { readonly bodyBase64?: string }[];
}

/** What kubectl, Helm and Kubernetes' own clients have sent. */
function recordedBodies(): Buffer[] {
  return readdirSync(recorded, { recursive: true, encoding: 'utf8' })
    .filter((file) => file.endsWith('.json'))
    .flatMap((file) => (JSON.parse(readFileSync(join(recorded, file), 'utf8')) as RecordedCase).steps)
    .map(({ bodyBase64 = '' }) => Buffer.from(bodyBase64, 'base64'))
    .filter((body) => body.subarray(0, 4).toString('latin1') === 'k8s\0');
}

const definitionOf = (message: string): string =>
  message.replace(/^k8s\.io\./, 'io.k8s.').replaceAll('_', '-');

function readObject(body: Buffer): Record<string, unknown> {
  const { apiVersion, kind, raw } = readEnvelope(body);
  const definition = definitionOf(messageOf({ apiVersion, kind }));
  const fields = reader.read(definition, raw);
  return { ...new TypedReader().object(schemas.struct(definition), fields), apiVersion, kind };
}

describe('objects as protobuf', () => {
  test('are written as Go writes them, byte by byte', () => {
    const bodies = recordedBodies();
    expect(bodies.length).toBeGreaterThan(10);
    for (const body of bodies) expect(objectEncoder.body(readObject(body))).toEqual(body);
  });

  test('have inner objects in the JSON that Go makes', () => {
    const data = { command: 'a && b <c>' };
    const body = objectEncoder.body({ apiVersion: 'apps/v1', kind: 'ControllerRevision', revision: 1, data });
    expect(String(body)).toContain('{"command":"a \\u0026\\u0026 b \\u003cc\\u003e"}');
    expect(readObject(body ?? Buffer.alloc(0))).toMatchObject({ data });
  });

  test('have a message for every kind that is served, and for its list', () => {
    // A group of our own has none, as what a definition makes has none in Kubernetes.
    for (const kind of discoveredKinds.filter(({ group }) => !group.endsWith('.x-k8s.io'))) {
      const type = { apiVersion: toApiVersion(kind), kind: kind.kind };
      expect(messageOf(type)).toBe(messageNameOf(kind.schema));
      expect(isEncodable(type), kind.kind).toBe(true);
      if (kind.verbs.includes('list')) expect(isEncodable({ ...type, kind: `${kind.kind}List` })).toBe(true);
    }
    expect(objectEncoder.body({ apiVersion: 'meta.k8s.io/v1', kind: 'Table' })).toBeUndefined();
  });
});

const schema = {
  type: 'object',
  maximum: 1.5,
  default: { a: [1, null] },
  enum: ['x', 2],
  additionalProperties: { type: 'string', 'x-kubernetes-list-type': '' },
  additionalItems: true,
  items: { type: 'array' },
  dependencies: { a: ['b', 'c'], d: { required: ['e'] } },
  properties: { z: { 'x-kubernetes-preserve-unknown-fields': false }, a: { nullable: true } },
};

test('an object is read as it was written: pointers to zero, texts, times, schemas', () => {
  const names = { plural: 'as', kind: 'A' };
  const objects = [
    {
      ...{ apiVersion: 'apiextensions.k8s.io/v1', kind: 'CustomResourceDefinition', metadata: { name: 'a' } },
      spec: {
        ...{ group: 'g', scope: 'Namespaced', names },
        versions: [{ name: 'v1', served: true, storage: false, schema: { openAPIV3Schema: schema } }],
      },
    },
    {
      ...{ apiVersion: 'coordination.k8s.io/v1', kind: 'Lease' },
      metadata: { creationTimestamp: '1969-12-31T23:59:58Z', managedFields: [{ fieldsV1: { 'f:a': {} } }] },
      spec: { leaseTransitions: 0, renewTime: '2026-01-02T03:04:05.000678Z', holderIdentity: '' },
    },
    {
      ...{ apiVersion: 'apps/v1', kind: 'Deployment', metadata: { annotations: { b: '', a: '€' } } },
      spec: {
        ...{ replicas: 0, selector: {}, template: { spec: { hostNetwork: true } }, paused: true },
        strategy: { rollingUpdate: { maxSurge: 0, maxUnavailable: '25%' } },
      },
      status: { observedGeneration: 2 ** 53 - 1 },
    },
    {
      ...{ apiVersion: 'v1', kind: 'Secret', metadata: { deletionGracePeriodSeconds: -1 } },
      ...{ data: { b: '', a: 'AAEC/w==' }, immutable: false },
    },
  ];
  for (const object of objects) {
    const { raw } = readEnvelope(objectEncoder.body(object) ?? Buffer.alloc(0));
    const fields = reader.read(definitionOf(messageOf(object)), raw);
    expect({ ...fields, apiVersion: object.apiVersion, kind: object.kind }).toMatchObject(object);
  }
});

const written = (write: (writer: WireWriter) => void): string => {
  const writer = new WireWriter();
  write(writer);
  return writer.take().toString('hex');
};

describe('the wire writer', () => {
  test.each([
    [0, '00'],
    [127, '7f'],
    [128, '8001'],
    [300, 'ac02'],
    [2 ** 31, '8080808008'],
    [2 ** 53 - 1, 'ffffffffffffff0f'],
    [-1, 'ffffffffffffffffff01'],
    [-(2 ** 53 - 1), '81808080808080f0ff01'],
  ])('writes %d', (value, hex) => {
    expect(written((writer) => writer.integer(value))).toBe(hex);
  });

  test('writes text of every length, and characters of every size', () => {
    for (const text of ['', 'a', 'é', 'x'.repeat(39), '€'.repeat(41), '\ud83d\ude00', 'x'.repeat(200_000)]) {
      const writer = new WireWriter();
      writer.text(0x0a, 'after');
      writer.text(0x0a, text);
      const bytes = writer.take();
      expect(bytes.toString('utf8').endsWith(`${text}\n\u0005after`), text.slice(0, 3)).toBe(true);
    }
  });
});

describe('recent bytes', () => {
  test('go with their JSON, and when as many others have come twice over', () => {
    const recent = new RecentBytes(10);
    const [first, second, third, fourth] = Array.from({ length: 4 }, (_, at) => Buffer.from(`${at}`));
    if (first === undefined || second === undefined || third === undefined || fourth === undefined) return;
    recent.set(first, Buffer.alloc(6));
    recent.set(second, Buffer.alloc(6));
    expect(recent.get(first)).toHaveLength(6);
    recent.set(third, Buffer.alloc(6));
    recent.set(fourth, Buffer.alloc(6));
    expect(recent.get(first)).toBeUndefined();
    expect(recent.get(fourth)).toHaveLength(6);
  });
});
