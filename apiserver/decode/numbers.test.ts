import { describe, expect, it } from 'vitest';
import type { AnyObject } from '../../api/kind-info.ts';
import { applyPatch, jsonPatchType, mergePatchType, strategicMergePatchType } from '../patch/patch.ts';
import { createRegistry } from '../registry/registry.ts';
import { decodeObject, type FieldValidation } from './decode.ts';
import { parseJson } from './json-text.ts';

const { schemas, messages } = createRegistry();
const kind = { group: 'apps', version: 'v1', kind: 'Deployment' } as const;
const schema = schemas.struct('io.k8s.api.apps.v1.Deployment');
const json = 'application/json';

const bodyOf = (spec: string): string => `{"metadata":{"name":"a"},"spec":{${spec}}}`;
function specOf(spec: string, contentType = json, fieldValidation: FieldValidation = 'Strict'): unknown {
  const body = Buffer.from(bodyOf(spec));
  return decodeObject({ messages, kind, schema, contentType, body, fieldValidation }).object['spec'];
}

const metadata = { name: 'a', uid: 'u', resourceVersion: '1', creationTimestamp: '2026-01-01T00:00:00Z' };
const current: AnyObject = { apiVersion: 'apps/v1', kind: 'Deployment', metadata, spec: { replicas: 7 } };
const patched = (contentType: string, body: string): unknown =>
  applyPatch({ kind, schema, current, contentType, body: Buffer.from(body), fieldValidation: 'Ignore' })
    .object['spec'];

const cannot = (text: string): string =>
  `json: cannot unmarshal number ${text} into Go struct field DeploymentSpec.spec.replicas of type int32`;
const template = (of: string): string => `"template":{"spec":{"containers":[{"name":"c",${of}}]}}`;

describe('an integer of a JSON body', () => {
  it.each(['1.0', '1e3', '1E0', '-2.50', '1.5'])(
    'is not written %s, however fields are validated',
    (text) => {
      for (const validation of ['Strict', 'Warn', 'Ignore'] as const)
        expect(() => specOf(`"replicas": ${text}`, json, validation)).toThrow(
          `Deployment in version "v1" cannot be handled as a Deployment: ${cannot(text)}`,
        );
    },
  );

  it('may be negative zero', () => {
    expect(specOf('"replicas":-0')).toMatchObject({ replicas: -0 });
  });

  it('is not written so in a list, nor as a port that may have a name', () => {
    const groups = '"template":{"spec":{"securityContext":{"supplementalGroups":[ 1, 2.0]},"containers":[]}}';
    expect(() => specOf(groups)).toThrow(
      'number 2.0 into Go struct field PodSecurityContext.spec.template.spec.securityContext.supplementalGroups of type int64',
    );
    const port = template('"readinessProbe":{"httpGet":{"port":8e1}}');
    expect(() => specOf(port)).toThrow('json: cannot unmarshal number 8e1 into Go value of type int32');
  });

  it('is any whole number in YAML, which becomes JSON first', () => {
    for (const text of ['1.0', '1e0'])
      expect(specOf(`"replicas":${text}`, 'application/yaml')).toMatchObject({ replicas: 1 });
  });

  it('is an amount as it is written', () => {
    const limits = template('"resources":{"limits":{"cpu":1.50,"memory":1e3}}');
    const resources = { limits: { cpu: '1500m', memory: '1e3' } };
    expect(specOf(limits)).toMatchObject({ template: { spec: { containers: [{ resources }] } } });
  });
});

describe('an integer of a patch', () => {
  it('is as strict as that of a body where the patch stays text', () => {
    expect(() => patched(mergePatchType, '{"spec":{"replicas":2.0}}')).toThrow(cannot('2.0'));
    const replace = (value: string): string => `{"op":"replace","path":"/spec/replicas","value":${value}}`;
    expect(() => patched(jsonPatchType, `[${replace('2e0')}]`)).toThrow(cannot('2e0'));
    const whole = '[{"op":"replace","path":"/spec","value":{"replicas":2.0}}]';
    expect(() => patched(jsonPatchType, whole)).toThrow(cannot('2.0'));
    expect(patched(jsonPatchType, `[${replace('2.0')},${replace('3')}]`)).toMatchObject({ replicas: 3 });
  });

  it('is any whole number in a strategic merge patch', () => {
    expect(patched(strategicMergePatchType, '{"spec":{"replicas":2.0}}')).toMatchObject({ replicas: 2 });
  });
});

it('numbers are looked at closely only where one of them asks for it', () => {
  const texts = (text: string) => Object.fromEntries(parseJson(text).numbers);
  expect(texts('{"a":"1.0","b":[1,2,"3.0"],"at":"10:11:12.5","c":{"d.1":5}}')).toEqual({});
  expect(texts('{"a":1,"b":{"c":[{"d": -1.0}]},"e":1.5}')).toEqual({ 'b.c[0].d': '-1.0' });
});
