import { describe, expect, it } from 'vitest';
import type { IndexedObject } from './cached-object.ts';
import { Slabs } from './slabs.ts';

const textOf = (at: number): string => `{"object":${at}}`;

/** Objects whose bytes are parts of one piece of memory. */
function onePage(count: number): IndexedObject[] {
  const texts = Array.from({ length: count }, (_, at) => textOf(at));
  const page = Buffer.allocUnsafeSlow(texts.join('').length);
  let start = 0;
  return texts.map((text, at) => {
    const json = page.subarray(start, start + text.length);
    json.write(text);
    start += text.length;
    const names = { key: `/registry/pods/default/${at}`, resource: '/pods', namespace: 'default' };
    return {
      ...names,
      name: `${at}`,
      uid: '',
      version: 1,
      json,
      labels: new Map(),
      fields: new Map(),
      owners: [],
    };
  });
}

const memoryOf = (objects: readonly IndexedObject[]): number =>
  [...new Set(objects.map(({ json }) => json.buffer))].reduce((sum, { byteLength }) => sum + byteLength, 0);

describe('slabs', () => {
  it('give up a slab of which half is out of use', () => {
    const slabs = new Slabs();
    const objects = onePage(8);
    const [slab] = objects.map(({ json }) => json.buffer);
    for (const object of objects) slabs.loaded(object);
    for (const object of objects.slice(0, 4)) slabs.gone(object);
    expect(slabs.size).toBe(1);
    expect(objects[7]?.json.buffer).toBe(slab);
    slabs.gone(objects[4] as IndexedObject);
    expect(slabs.size).toBe(0);
    const left = objects.slice(5);
    expect(left.map(({ json }) => json.toString())).toEqual([5, 6, 7].map(textOf));
    expect(left.every(({ json }) => json.buffer !== slab)).toBe(true);
  });

  it('hold at most twice what is live, in whatever order objects go', () => {
    const slabs = new Slabs();
    const objects = onePage(100);
    for (const object of objects) slabs.loaded(object);
    const live = new Set(objects);
    for (let step = 0; step < 100; step += 1) {
      const object = objects[(step * 37) % 100] as IndexedObject;
      live.delete(object);
      slabs.gone(object);
      const bytes = [...live].reduce((sum, { json }) => sum + json.length, 0);
      expect(memoryOf([...live])).toBeLessThanOrEqual(2 * bytes);
    }
  });

  it('leave alone what has memory of its own', () => {
    const slabs = new Slabs();
    const [object] = onePage(1) as [IndexedObject];
    slabs.loaded(object);
    expect(slabs.size).toBe(0);
    slabs.gone(object);
    expect(object.json.toString()).toBe(textOf(0));
  });
});
