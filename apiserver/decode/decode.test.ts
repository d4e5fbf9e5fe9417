import { describe, expect, it } from 'vitest';
import { createRegistry } from '../registry/registry.ts';
import { type Decoded, decodeObject, type FieldValidation } from './decode.ts';

const { schemas, messages } = createRegistry();
const kinds = {
  ConfigMap: { group: '', version: 'v1', kind: 'ConfigMap' },
  Pod: { group: '', version: 'v1', kind: 'Pod' },
  ReplicationController: { group: '', version: 'v1', kind: 'ReplicationController' },
  Deployment: { group: 'apps', version: 'v1', kind: 'Deployment' },
  ResourceClaim: { group: 'resource.k8s.io', version: 'v1', kind: 'ResourceClaim' },
} as const;

function decode(
  kind: keyof typeof kinds,
  body: unknown,
  fieldValidation: FieldValidation = 'Warn',
  contentType = 'application/json',
): Decoded {
  const { group } = kinds[kind];
  return decodeObject({
    messages,
    kind: kinds[kind],
    schema: schemas.struct(`io.k8s.api.${group === '' ? 'core' : group.replace('.k8s.io', '')}.v1.${kind}`),
    contentType,
    body: Buffer.isBuffer(body) ? body : Buffer.from(typeof body === 'string' ? body : JSON.stringify(body)),
    fieldValidation,
  });
}

describe('decodeObject', () => {
  it('drops unknown fields and warns of them by path', () => {
    const pod = { spec: { containers: [{ name: 'c', foo: 1 }], bar: {} } };
    const { object, warnings } = decode('Pod', pod);
    expect(warnings).toEqual(['unknown field "spec.containers[0].foo"', 'unknown field "spec.bar"']);
    expect(object['spec']).toEqual({ containers: [{ name: 'c', resources: {} }] });
  });

  it('gives a claim of devices its status, as Go writes it', () => {
    const { object } = decode('ResourceClaim', { spec: {} });
    expect(object).toMatchObject({ spec: { devices: {} }, status: {} });
  });

  it('refuses them when strict', () => {
    expect(() => decode('ConfigMap', { foo: 1 }, 'Strict')).toThrow(
      'ConfigMap in version "v1" cannot be handled as a ConfigMap: strict decoding error: unknown field "foo"',
    );
  });

  it('names repeated fields and merges them', () => {
    const { object, warnings } = decode('ConfigMap', '{"data":{"k":"1","k":"2"},"data":{"z":"3"}}');
    expect(warnings).toEqual(['duplicate field "data.k"', 'duplicate field "data"']);
    expect(object['data']).toEqual({ k: '2', z: '3' });
  });

  it('tells of unknown and repeated fields in the order of the text, each once', () => {
    const spec = '"unknown":{"a":1,"a":2},"unknown":3,"replicas":1,"replicas":2,"replicas":3,"other":1';
    const body = `{"metadata":{"name":"a","name":"b"},"spec":{${spec}}}`;
    const told =
      'duplicate field "metadata.name", unknown field "spec.unknown", duplicate field "spec.replicas", unknown field "spec.other"';
    expect(decode('Deployment', body).warnings).toEqual(told.split(', '));
    expect(() => decode('Deployment', body, 'Strict')).toThrow(`strict decoding error: ${told}`);
  });

  it('tells of repeated keys in YAML by their lines, and then of unknown fields by the alphabet', () => {
    const body =
      'metadata:\n  name: a\n  name: b\nspec:\n  zoo: 1\n  paused: true\n  "paused": false\n  bar: 2\n';
    const lines = ['line 3: key "name" already set in map', 'line 7: key "paused" already set in map'];
    const unknown = ['unknown field "spec.bar"', 'unknown field "spec.zoo"'];
    const { object, warnings } = decode('Deployment', body, 'Warn', 'application/yaml');
    expect(warnings).toEqual([...lines, ...unknown]);
    expect(object.metadata.name).toBe('b');
    expect(decode('Deployment', body, 'Ignore', 'application/yaml').warnings).toEqual([]);
    expect(() => decode('Deployment', body, 'Strict', 'application/yaml')).toThrow(
      `strict decoding error: yaml: unmarshal errors:\n  ${lines.join('\n  ')}, ${unknown.join(', ')}`,
    );
  });

  it.each([
    [
      'ConfigMap',
      { data: { k: 5 } },
      'cannot unmarshal number into Go struct field ConfigMap.data of type string',
    ],
    [
      'Deployment',
      { spec: { replicas: true } },
      'bool into Go struct field DeploymentSpec.spec.replicas of type int32',
    ],
    [
      'Pod',
      { spec: { containers: [{ name: 5 }] } },
      'number into Go struct field Container.spec.containers.name of type string',
    ],
    ['ConfigMap', { binaryData: { x: '%%%' } }, 'illegal base64 data at input byte 0'],
  ] as const)('tells Go types of a mismatch in %s', (kind, body, message) => {
    expect(() => decode(kind, body)).toThrow(message);
  });

  it.each([
    ['{"apiVersion":', 'unexpected end of JSON input'],
    ['{"a":1,}', "invalid character '}' looking for beginning of object key string"],
    ['junk', "invalid character 'j' looking for beginning of value"],
    ['', '(<empty>)'],
  ])('tells what is wrong with %j', (body, message) => {
    expect(() => decode('ConfigMap', body)).toThrow(message);
  });

  it('leaves out empty values, keeps explicit zeros, fills in structs', () => {
    const { object } = decode('Deployment', {
      spec: { replicas: 0, paused: false, minReadySeconds: 0, template: { spec: { containers: [] } } },
    });
    expect(object['spec']).toEqual({
      replicas: 0,
      strategy: {},
      template: { metadata: {}, spec: { containers: [] } },
    });
    expect(object['status']).toEqual({});
  });

  it('keeps an explicit zero where the default is another', () => {
    const { object } = decode('ReplicationController', { spec: { replicas: 0 } });
    expect(object['spec']).toEqual({ replicas: 0 });
  });

  it('reads YAML 1.1', () => {
    const yaml = 'metadata: {name: a}\ndata:\n  a: "yes"\nimmutable: yes\n';
    const { object } = decode('ConfigMap', yaml, 'Warn', 'application/yaml');
    expect(object).toMatchObject({ data: { a: 'yes' }, immutable: true });
  });

  it('makes quantities canonical', () => {
    const { object } = decode('Pod', {
      spec: { containers: [{ name: 'c', resources: { limits: { cpu: 0.25, memory: '1024Mi' } } }] },
    });
    expect(object).toMatchObject({
      spec: { containers: [{ resources: { limits: { cpu: '250m', memory: '1Gi' } } }] },
    });
  });

  it.each(['application/json', 'application/yaml'])('makes half a character a whole one in %s', (type) => {
    const { object } = decode('ConfigMap', '{"data": {"k": "a\\ud800b"}}', 'Warn', type);
    expect(object['data']).toEqual({ k: 'a\ufffdb' });
  });

  it('keeps fields with the names of what every object has', () => {
    const { object } = decode('ConfigMap', '{"data": {"__proto__": "x", "constructor": "y"}}');
    expect(JSON.stringify(object['data'])).toBe('{"__proto__":"x","constructor":"y"}');
  });

  it("takes Go's zero time for none", () => {
    const { object } = decode('ConfigMap', { metadata: { creationTimestamp: '0001-01-01T00:00:00Z' } });
    expect(object.metadata.creationTimestamp).toBeUndefined();
  });

  const largest = Number.MAX_SAFE_INTEGER;
  const beyond = `json: cannot keep an integer beyond ${largest} exactly in Go struct field `;

  it('keeps integers as far as they are exact', () => {
    const spec = `{"terminationGracePeriodSeconds": ${largest}, "activeDeadlineSeconds": -${largest}, "containers": []}`;
    const { object } = decode('Pod', `{"spec": ${spec}}`);
    expect(object['spec']).toMatchObject({
      terminationGracePeriodSeconds: largest,
      activeDeadlineSeconds: -largest,
    });
  });

  it.each([
    ['{"terminationGracePeriodSeconds": 9007199254740993}', 'PodSpec.spec.terminationGracePeriodSeconds'],
    ['{"activeDeadlineSeconds": 9223372036854775807}', 'PodSpec.spec.activeDeadlineSeconds'],
    ['{"overhead": {"memory": 9007199254740993}}', 'PodSpec.spec.overhead'],
  ])('refuses %s, which it could not give back', (spec, field) => {
    expect(() => decode('Pod', `{"spec": ${spec}}`)).toThrow(`${beyond}${field}`);
    expect(() => decode('Pod', `spec: ${spec}`, 'Warn', 'application/yaml')).toThrow(`${beyond}${field}`);
  });

  it('refuses them in free JSON and in protobuf, and takes what is no integer in Go either', () => {
    const managed = (value: string): string =>
      `{"metadata": {"managedFields": [{"fieldsV1": {"a": ${value}}}]}}`;
    expect(() => decode('Pod', managed('[9007199254740993]'))).toThrow(beyond);
    expect(() => decode('Pod', managed('1e300'))).not.toThrow();
    // A Pod whose spec (2) has a terminationGracePeriodSeconds (4) of 2 ** 53 + 1.
    const body = Buffer.from('6b3873000a090a0276311203506f64120b1209208180808080808010', 'hex');
    expect(() => decode('Pod', body, 'Warn', 'application/vnd.kubernetes.protobuf')).toThrow(beyond);
  });

  it('bears nesting without end', () => {
    const deep = '['.repeat(100_000);
    expect(() => decode('ConfigMap', deep)).toThrow();
    expect(() => decode('ConfigMap', `{"foo":${'['.repeat(5000)}${']'.repeat(5000)}}`)).toThrow('max depth');
  });
});
