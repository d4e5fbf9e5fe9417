import type { SchemaType, StructType } from '../../apiserver/decode/schema.ts';
import type { Dice } from './dice.ts';
import { someNumber, someText, someValue } from './texts.ts';

const maxDepth = 9;
const quantities = ['0', '1', '100m', '1Gi', '1e3', '-1', '0.5', '12345678901234567890', '1n', '1E'];
const times = ['2026-01-02T03:04:05Z', '2026-01-02T03:04:05.123456Z', '0001-01-01T00:00:00Z'];

/** A value that fits the schema, each field present with the given chance. */
export function valueFitting(dice: Dice, type: SchemaType, density: number, depth = 0): unknown {
  switch (type.kind) {
    case 'struct':
      return structOf(dice, type, density, depth);
    case 'list':
      return Array.from({ length: depth > maxDepth ? 0 : dice.below(3) }, () =>
        valueFitting(dice, type.items, density, depth + 1),
      );
    case 'map':
      return Object.fromEntries(
        Array.from({ length: depth > maxDepth ? 0 : dice.below(3) }, () => [
          someText(dice),
          valueFitting(dice, type.values, density, depth + 1),
        ]),
      );
    default:
      return scalarOf(dice, type.kind);
  }
}

function structOf(dice: Dice, type: StructType, density: number, depth: number): Record<string, unknown> {
  const object: Record<string, unknown> = {};
  for (const field of type.fields.values()) {
    const isDeep = field.type.kind === 'struct' || field.type.kind === 'list' || field.type.kind === 'map';
    if (isDeep && depth > maxDepth) continue;
    // A volume has thirty sources: few of the fields of a large struct are enough.
    const share = type.fields.size > 20 ? density / 3 : density;
    if (!dice.chance(field.required ? Math.max(share, 0.9) : share)) continue;
    object[field.name] = valueFitting(dice, field.type, density, depth + 1);
  }
  return object;
}

type Scalar = Exclude<SchemaType['kind'], 'struct' | 'list' | 'map'>;

function scalarOf(dice: Dice, kind: Scalar): unknown {
  switch (kind) {
    case 'string':
      return someText(dice);
    case 'int32':
      return dice.chance(0.7) ? dice.below(100) : Math.trunc(someNumber(dice)) % 2 ** 31;
    case 'int64':
      return dice.chance(0.7) ? dice.below(100) : Math.trunc(someNumber(dice)) % 2 ** 53;
    case 'number':
      return someNumber(dice);
    case 'boolean':
      return dice.chance(0.5);
    case 'bytes':
      return Buffer.from(someText(dice)).toString('base64');
    case 'quantity':
      return dice.pick(quantities);
    case 'intOrString':
      return dice.chance(0.5) ? dice.below(70_000) : dice.pick(['http', '25%', '', '101%']);
    case 'time':
    case 'microTime':
      return dice.pick(times);
    case 'raw':
      return someValue(dice);
  }
}
