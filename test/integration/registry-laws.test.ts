import { isDeepStrictEqual } from 'node:util';
import { describe, expect, test } from 'vitest';
import { type AnyObject, toApiVersion } from '../../api/kind-info.ts';
import { isMismatch } from '../../apiserver/decode/decode.ts';
import { readEnvelope } from '../../apiserver/decode/protobuf/body.ts';
import { isEncodable, objectEncoder } from '../../apiserver/decode/protobuf/object-encoder.ts';
import { TypedReader } from '../../apiserver/decode/walk.ts';
import { tableRow } from '../../apiserver/http/shapes.ts';
import { applyConfiguration } from '../../apiserver/patch/apply/apply.ts';
import { applyJsonPatch, JsonPatchError } from '../../apiserver/patch/json-patch.ts';
import { applyMergePatch } from '../../apiserver/patch/merge-patch.ts';
import { applyStrategicMerge } from '../../apiserver/patch/strategic-merge.ts';
import type { KindStrategy, WriteContext } from '../../apiserver/registry/strategy.ts';
import { planMergePatch, planStrategicPatch } from '../../kubectl-lite/apply/three-way.ts';
import { Dice } from '../fuzz/dice.ts';
import { withoutEmpty, withoutTypes } from '../fuzz/protobuf-answers.ts';
import { type ReferenceOperation, referencePatch } from '../fuzz/reference-json-patch.ts';
import { createWorld } from '../fuzz/requests.ts';
import { withUniqueItems } from '../fuzz/unique-items.ts';
import { valueFitting } from '../fuzz/values.ts';

const world = createWorld();
const seed = 7;
const user = { name: 'admin', uid: '', groups: [], extra: {} };
const context: WriteContext = { user, namespace: 'ns', subresource: '', nowMs: 0 };

/** An object that fits the schema of its kind, as it is after decoding; undefined when a time or a number does not. */
function anObject(dice: Dice, strategy: KindStrategy, density: number): AnyObject | undefined {
  const written = withUniqueItems(strategy.schema, valueFitting(dice, strategy.schema, density)) as object;
  const { kind, schema } = strategy;
  try {
    const text = JSON.stringify({ ...written, apiVersion: toApiVersion(kind), kind: kind.kind }).replaceAll(
      '\\ud',
      'd',
    );
    const object = new TypedReader().object(schema, JSON.parse(text)) as AnyObject;
    const { managedFields: _managers, ...metadata } = { ...object.metadata };
    return { ...object, metadata: { ...metadata, name: 'a', namespace: 'ns' } };
  } catch (error) {
    if (isMismatch(error)) return undefined;
    throw error;
  }
}

function forObjects(
  count: number,
  law: (object: AnyObject, strategy: KindStrategy, dice: Dice) => void,
): void {
  let tried = 0;
  for (let at = 0; at < count; at += 1) {
    const dice = Dice.ofCase(seed, at);
    const strategy = dice.pick(world.registry.all);
    const object = anObject(dice, strategy, dice.pick([0.15, 0.3, 0.5]));
    if (object === undefined) continue;
    tried += 1;
    law(object, strategy, dice);
  }
  expect(tried).toBeGreaterThan(count / 2);
}

const defaulted = (object: AnyObject, strategy: KindStrategy): AnyObject => {
  const copy = structuredClone(object);
  strategy.setDefaults(copy);
  return copy;
};

describe('every kind', () => {
  test('judges whatever fits its schema, the same way each time, and leaves it as it is', () => {
    forObjects(600, (object, strategy) => {
      const ready = defaulted(object, strategy);
      strategy.prepareForCreate(ready, context);
      const before = structuredClone(ready);
      expect(strategy.validateCreate(ready, context)).toEqual(strategy.validateCreate(ready, context));
      expect(strategy.warnings(ready, undefined)).toEqual(strategy.warnings(ready, undefined));
      expect(strategy.validateUpdate(ready, before, context)).toEqual(
        strategy.validateUpdate(ready, before, context),
      );
      for (const select of strategy.selectableFields.values()) expect(typeof select(ready)).toBe('string');
      tableRow(strategy, ready, 'Metadata', 0, 'v1');
      expect(ready).toEqual(before);
    });
  });

  test('has defaults that add nothing the second time', () => {
    forObjects(600, (object, strategy) => {
      const once = defaulted(object, strategy);
      expect(defaulted(once, strategy)).toEqual(once);
    });
  });

  test('is the same after protobuf', () => {
    forObjects(600, (object, strategy) => {
      // The parts of a schema that are a schema or something simpler are free JSON here, and not there.
      if (!isEncodable(object) || object.kind === 'CustomResourceDefinition') return;
      const wanted = withoutTypes(withoutEmpty(object));
      const sent = world.protobuf.message(object, strategy.kind.schema);
      const answered = readEnvelope(objectEncoder.body(object) ?? Buffer.alloc(0)).raw;
      for (const bytes of [sent, answered]) {
        const fields = world.registry.messages.read(strategy.kind.schema, bytes);
        const { apiVersion, kind } = object;
        const read = new TypedReader().object(strategy.schema, { ...fields, apiVersion, kind });
        expect(withoutTypes(withoutEmpty(read))).toEqual(wanted);
      }
    });
  });
});

function aDocument(dice: Dice, depth = 0): unknown {
  return dice.branch<unknown>([
    [2, () => dice.below(3)],
    [1, () => dice.pick(['x', '~', 'a/b'])],
    [depth > 2 ? 0 : 2, () => Array.from({ length: dice.below(4) }, () => aDocument(dice, depth + 1))],
    [depth > 2 ? 0 : 4, () => fields(dice, depth)],
  ]);
}

const fields = (dice: Dice, depth: number): Record<string, unknown> =>
  Object.fromEntries(
    ['a', 'b', 'a/b', '~1', '0']
      .filter(() => dice.chance(0.6))
      .map((key) => [key, aDocument(dice, depth + 1)]),
  );

const pointer = (dice: Dice): string =>
  Array.from(
    { length: dice.below(3) + 1 },
    () => `/${dice.pick(['a', 'b', 'a~1b', '~01', '0', '1', '2', '-', '01'])}`,
  ).join('');

const operation = (dice: Dice): ReferenceOperation => ({
  op: dice.pick(['add', 'add', 'remove', 'replace', 'test', 'copy', 'move']),
  path: pointer(dice),
  from: pointer(dice),
  value: aDocument(dice, 2),
});

function patched(
  document: unknown,
  operations: readonly ReferenceOperation[],
): { readonly value: unknown } | undefined {
  try {
    return { value: applyJsonPatch(structuredClone(document), operations) };
  } catch (error) {
    if (error instanceof JsonPatchError) return undefined;
    throw error;
  }
}

describe('patches', () => {
  test('of JSON do what another way of reading RFC 6902 does', () => {
    let carriedOut = 0;
    for (let at = 0; at < 6_000; at += 1) {
      const dice = Dice.ofCase(seed, at);
      const document = fields(dice, 0);
      const operations = Array.from({ length: dice.below(3) + 1 }, () => operation(dice));
      const expected = referencePatch(document, operations, isDeepStrictEqual);
      expect(patched(document, operations), JSON.stringify({ document, operations })).toEqual(expected);
      if (expected !== undefined) carriedOut += 1;
    }
    expect(carriedOut).toBeGreaterThan(300);
  });

  test('of differences make one document the other', () => {
    for (let at = 0; at < 1_000; at += 1) {
      const dice = Dice.ofCase(seed, at);
      const [before, after] = [fields(dice, 0), fields(dice, 0)];
      const patch = planMergePatch(before, after, before);
      expect(applyMergePatch(before, patch)).toEqual(after);
    }
  });

  test('that merge strategically make one object the other', () => {
    forObjects(600, (before, strategy, dice) => {
      const after = anObject(dice, strategy, 0.3);
      // Clients patch a kind of our own by JSON merge: it is none of Kubernetes' types.
      if (!isEncodable(before)) return;
      // A key that is a directive cannot be patched: not here, and not in Kubernetes.
      if (after === undefined || JSON.stringify([before, after]).includes('"$')) return;
      const patch = planStrategicPatch(before, after, before, strategy.kind.schema);
      const made = applyStrategicMerge(strategy.schema, before, patch);
      expect(withoutEmpty(made), JSON.stringify({ before, after, patch })).toEqual(withoutEmpty(after));
    });
  });
});

describe('server-side apply', () => {
  const applied = (
    strategy: KindStrategy,
    current: AnyObject | undefined,
    manager: string,
    object: AnyObject,
  ): AnyObject =>
    applyConfiguration({
      ...{ strategy, current, name: 'a', force: false, applied: object },
      writer: { fieldManager: manager, subresource: '', nowMs: 0 },
    });
  const bare = ({ apiVersion, kind }: AnyObject): AnyObject =>
    ({ apiVersion, kind, metadata: { name: 'a', namespace: 'ns' } }) as AnyObject;
  /** What is left when everything that was applied is let go: what the server always writes. */
  const isLeft = (object: AnyObject): unknown => withoutEmpty({ ...object, metadata: {} });

  test('twice is once, two who agree share, and what both let go is gone', () => {
    forObjects(250, (object, strategy) => {
      const { status: _status, ...wanted } = object as AnyObject & { readonly status?: unknown };
      const config = { ...wanted, metadata: { name: 'a', namespace: 'ns' } } as unknown;
      const one = applied(strategy, undefined, 'one', config as AnyObject);
      expect(applied(strategy, one, 'one', config as AnyObject)).toEqual(one);
      const both = applied(strategy, one, 'two', config as AnyObject);
      expect(isLeft(both)).toEqual(isLeft(one));
      const kept = applied(strategy, both, 'one', bare(object));
      expect(isLeft(kept)).toEqual(isLeft(one));
      const gone = applied(strategy, kept, 'two', bare(object));
      expect(isLeft(gone)).toEqual(isLeft(applied(strategy, undefined, 'two', bare(object))));
    });
  });
});
