import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { outlineOf } from './outline.ts';

/** Of those that are recognised: the first object has a field, and what its name begins with cannot follow a string. */
function isListOfObjects(value: unknown): value is object[] {
  if (!Array.isArray(value) || typeof value[0] !== 'object' || value[0] === null) return false;
  const [first] = Object.keys(value[0]);
  return !Array.isArray(value[0]) && first !== undefined && !/^[,:\]} ]/.test(first);
}

/** The outline by its definition. */
function pruned(value: unknown, name = ''): unknown {
  if (isListOfObjects(value) && name !== 'ownerReferences' && name !== 'podIPs') return [];
  if (Array.isArray(value)) return value.map((each) => pruned(each));
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, each]) => [key, pruned(each, key)]));
}

const text = fc.oneof(
  fc.string(),
  fc.constantFrom('[{', ':[{', '}]', '"', '\\\\', 'a\\"[{', 'ü€😀', ']', '"podIPs":[{'),
);
const name = fc.oneof(
  text,
  fc.constantFrom('containers', 'podIPs', 'ownerReferences', 'managedFields', ',', ' a'),
);
const { value: anyValue } = fc.letrec((tie) => ({
  value: fc.oneof(
    { maxDepth: 5 },
    text,
    fc.integer(),
    fc.boolean(),
    fc.constant(null),
    fc.array(tie('value'), { maxLength: 4 }),
    fc.array(fc.dictionary(name, tie('value'), { maxKeys: 3 }), { maxLength: 3 }),
    fc.dictionary(name, tie('value'), { maxKeys: 5 }),
  ),
}));

const outlined = (value: object): unknown => outlineOf(Buffer.from(JSON.stringify(value)));

describe('outline of an object', () => {
  it('has everything but lists of objects', () => {
    const pod = {
      metadata: { labels: { a: '[{' }, managedFields: [{ x: [{}] }], ownerReferences: [{ uid: 'u' }] },
      spec: { nodeName: 'n', containers: [{ name: 'c', args: ['"]}'] }], tolerations: [] },
      status: { podIPs: [{ ip: '10.0.0.1' }] },
    };
    expect(outlined(pod)).toEqual({
      metadata: { labels: { a: '[{' }, managedFields: [], ownerReferences: [{ uid: 'u' }] },
      spec: { nodeName: 'n', containers: [], tolerations: [] },
      status: { podIPs: [{ ip: '10.0.0.1' }] },
    });
  });

  it('is that of any JSON', () => {
    fc.assert(
      fc.property(fc.dictionary(name, anyValue), (object) => {
        const wire = JSON.parse(JSON.stringify(object));
        expect(outlined(wire)).toEqual(pruned(wire));
      }),
    );
  });
});
