import { describe, expect, it } from 'vitest';
import type { AnyObject } from '../../api/kind-info.ts';
import { createRegistry } from '../registry/registry.ts';
import { applyPatch, jsonPatchType, mergePatchType } from './patch.ts';

const kind = { group: 'apps', version: 'v1', kind: 'Deployment' } as const;
const schema = createRegistry().schemas.struct('io.k8s.api.apps.v1.Deployment');
const metadata = { name: 'a', uid: 'u', resourceVersion: '1', creationTimestamp: '2026-01-01T00:00:00Z' };
const current: AnyObject = { apiVersion: 'apps/v1', kind: 'Deployment', metadata, spec: {} };

const warningsOf = (contentType: string, body: string): readonly string[] =>
  applyPatch({ kind, schema, current, contentType, body: Buffer.from(body), fieldValidation: 'Warn' })
    .warnings;

describe('what is told of a patch', () => {
  it('is first what stands twice in it, then what the patched object does not know', () => {
    const body = '{"spec":{"zoo":{"a":1,"a":2},"zoo":1,"bar":1,"paused":true,"paused":false}}';
    const twice = ['spec.zoo.a', 'spec.zoo', 'spec.paused'].map((path) => `duplicate field "${path}"`);
    const unknown = ['unknown field "spec.bar"', 'unknown field "spec.zoo"'];
    expect(warningsOf(mergePatchType, body)).toEqual([...twice, ...unknown]);
  });

  it('names the fields of operations as parts of the patch', () => {
    const body =
      '[{"op":"add","path":"/spec/a","value":1,"foo":"bar"},{"op":"add","path":"/spec/b","path":"/spec/c","value":1}]';
    expect(warningsOf(jsonPatchType, body)).toEqual([
      'json patch unknown field "[0].foo"',
      'json patch duplicate field "[1].path"',
      'unknown field "spec.a"',
      'unknown field "spec.c"',
    ]);
  });
});
