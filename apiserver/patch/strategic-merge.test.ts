import { describe, expect, it } from 'vitest';
import { Schemas } from '../decode/schema.ts';
import { applyStrategicMerge } from './strategic-merge.ts';

const podSpec = new Schemas().struct('io.k8s.api.core.v1.PodSpec');
const containers = [
  {
    name: 'a',
    image: 'ia',
    env: [
      { name: 'X', value: '1' },
      { name: 'Y', value: '2' },
    ],
  },
  { name: 'b', image: 'ib' },
];
const names = (merged: Record<string, unknown>): unknown =>
  (merged['containers'] as { name: string }[]).map(({ name }) => name);

describe('strategic merge patch', () => {
  it('merges list items by their key', () => {
    const merged = applyStrategicMerge(
      podSpec,
      { containers },
      { containers: [{ name: 'b', image: 'new' }] },
    );
    expect(merged).toEqual({ containers: [containers[0], { name: 'b', image: 'new' }] });
  });

  it('puts new items first and keeps the rest in order', () => {
    expect(names(applyStrategicMerge(podSpec, { containers }, { containers: [{ name: 'c' }] }))).toEqual([
      'c',
      'a',
      'b',
    ]);
  });

  it('deletes, replaces and orders by directive', () => {
    const deleted = applyStrategicMerge(
      podSpec,
      { containers },
      { containers: [{ name: 'a', $patch: 'delete' }] },
    );
    expect(names(deleted)).toEqual(['b']);
    const replaced = applyStrategicMerge(
      podSpec,
      { containers },
      { containers: [{ $patch: 'replace' }, { name: 'z' }] },
    );
    expect(replaced).toEqual({ containers: [{ name: 'z' }] });
    const ordered = applyStrategicMerge(
      podSpec,
      { containers },
      { '$setElementOrder/containers': [{ name: 'b' }, { name: 'a' }] },
    );
    expect(names(ordered)).toEqual(['b', 'a']);
  });

  it('replaces atomic lists and removes fields that are null', () => {
    const merged = applyStrategicMerge(
      podSpec,
      { tolerations: [{ key: 'a' }], nodeSelector: { a: 'b', c: 'd' } },
      { tolerations: [{ key: 'b' }], nodeSelector: { a: null } },
    );
    expect(merged).toEqual({ tolerations: [{ key: 'b' }], nodeSelector: { c: 'd' } });
  });

  it('refuses an item without its key', () => {
    expect(() =>
      applyStrategicMerge(podSpec, { containers }, { containers: [{ image: 'no name' }] }),
    ).toThrow('map: map[image:no name] does not contain declared merge key: name');
  });
});
