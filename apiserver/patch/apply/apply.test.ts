import { describe, expect, it } from 'vitest';
import type { AnyObject } from '../../../api/kind-info.ts';
import { invariant } from '../../../base/invariant.ts';
import { createRegistry } from '../../registry/registry.ts';
import { applyConfiguration, readApplied } from './apply.ts';
import { updateManagedFields } from './managed-fields.ts';

const strategy = createRegistry().byResource('', 'v1', 'configmaps');
invariant(strategy !== undefined, 'config maps are registered');

function apply(
  current: AnyObject | undefined,
  manager: string,
  data: Record<string, string>,
  force = false,
): AnyObject {
  return applyConfiguration({
    strategy: strategy ?? (undefined as never),
    current,
    name: 'a',
    applied: { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'a' }, data },
    writer: { fieldManager: manager, subresource: '', nowMs: 0 },
    force,
  });
}

const owners = (object: AnyObject): Record<string, unknown> =>
  Object.fromEntries(
    (object.metadata.managedFields ?? []).map(({ manager, fieldsV1 }) => [manager, fieldsV1]),
  );

describe('server-side apply', () => {
  it('records what the applier owns', () => {
    const object = apply(undefined, 'one', { k: '1', l: '2' });
    expect(owners(object)).toEqual({ one: { 'f:data': { 'f:k': {}, 'f:l': {} } } });
  });

  it('refuses to change what another owns, unless forced', () => {
    const object = apply(undefined, 'one', { k: '1', l: '2' });
    expect(() => apply(object, 'two', { k: '9' })).toThrow(
      'Apply failed with 1 conflict: conflict with "one": .data.k',
    );
    const forced = apply(object, 'two', { k: '9' }, true);
    expect(forced['data']).toEqual({ k: '9', l: '2' });
    expect(owners(forced)).toEqual({ one: { 'f:data': { 'f:l': {} } }, two: { 'f:data': { 'f:k': {} } } });
  });

  it('shares a field that two want alike, and keeps it until both let go', () => {
    const shared = apply(apply(undefined, 'one', { k: '1' }), 'two', { k: '1', m: '3' });
    const left = apply(shared, 'two', { m: '3' });
    expect(left['data']).toEqual({ k: '1', m: '3' });
    expect(apply(left, 'one', {})['data']).toEqual({ m: '3' });
  });

  it('remembers ten updaters, and the older ones of a version as one', () => {
    let object = apply(undefined, 'applier', { k: '0' });
    for (let at = 0; at < 14; at += 1) {
      const next = structuredClone(object);
      next['data'] = { ...(object['data'] as object), [`f${at}`]: 'x' };
      const writer = { fieldManager: `updater-${at}`, subresource: '', nowMs: at * 1000 };
      updateManagedFields(strategy, next, object, writer);
      object = next;
    }
    const names = (object.metadata.managedFields ?? []).map(({ manager }) => manager);
    const late = Array.from({ length: 9 }, (_, at) => `updater-${at + 5}`);
    expect(names).toEqual(['applier', 'ancient-changes', ...late]);
    const old = { 'f:f0': {}, 'f:f1': {}, 'f:f2': {}, 'f:f3': {}, 'f:f4': {} };
    expect(owners(object)['ancient-changes']).toEqual({ 'f:data': old });
  });

  it('takes fields over by an ordinary update', () => {
    const object = apply(undefined, 'one', { k: '1' });
    const next = structuredClone(object);
    next['data'] = { k: '2' };
    updateManagedFields(strategy, next, object, { fieldManager: 'editor', subresource: '', nowMs: 0 });
    expect(owners(next)).toEqual({ editor: { 'f:data': { 'f:k': {} } } });
  });

  it('tells of keys that stand twice, or refuses them', () => {
    const body = Buffer.from('kind: ConfigMap\ndata:\n  a: "1"\n  "a": "2"\n');
    const line = 'line 4: key "a" already set in map';
    expect(readApplied(body, 'Warn')).toEqual({
      value: { data: { a: '2' }, kind: 'ConfigMap' },
      warnings: [line],
    });
    expect(readApplied(body, 'Ignore').warnings).toEqual([]);
    expect(() => readApplied(body, 'Strict')).toThrow(
      `error strict decoding YAML: error converting YAML to JSON: yaml: unmarshal errors:\n  ${line}`,
    );
  });
});
