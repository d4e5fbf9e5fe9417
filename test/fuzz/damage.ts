import type { Dice } from './dice.ts';
import { someFields, someNumber, someText, someValue } from './texts.ts';

interface Place {
  readonly holder: Record<string | number, unknown>;
  readonly key: string | number;
}

function placesIn(value: unknown, found: Place[] = []): Place[] {
  if (typeof value !== 'object' || value === null) return found;
  const holder = value as Record<string | number, unknown>;
  const keys = Array.isArray(value) ? value.keys() : Object.keys(value);
  for (const key of keys) {
    found.push({ holder, key });
    placesIn(holder[key], found);
  }
  return found;
}

const put = (holder: object, key: string | number, value: unknown): void => {
  Object.defineProperty(holder, key, { value, enumerable: true, writable: true, configurable: true });
};

function drop(holder: Place['holder'] | unknown[], key: string | number): void {
  if (Array.isArray(holder)) holder.splice(Number(key), 1);
  else delete holder[key];
}

function deep(dice: Dice): unknown {
  let value: unknown = someText(dice);
  const levels = dice.pick([5, 60, 300]);
  for (let level = 0; level < levels; level += 1) value = level % 2 === 0 ? [value] : { a: value };
  return value;
}

/** Changes some places of a JSON tree, in place. */
export function damageTree(dice: Dice, tree: unknown, times: number): void {
  for (let time = 0; time < times; time += 1) {
    const places = placesIn(tree);
    if (places.length === 0) return;
    const { holder, key } = dice.pick(places);
    const value = holder[key];
    dice.branch<void>([
      [6, () => put(holder, key, someText(dice))],
      [3, () => put(holder, key, someNumber(dice))],
      [3, () => put(holder, key, someValue(dice))],
      [3, () => drop(holder, key)],
      [2, () => put(holder, key, null)],
      [2, () => put(holder, Array.isArray(holder) ? holder.length : someText(dice), value)],
      [2, () => put(holder, key, [value, value])],
      [2, () => put(holder, key, { ...someFields(dice, () => value) })],
      [1, () => put(holder, key, deep(dice))],
      [1, () => (Array.isArray(value) ? void value.push(...structuredClone(value.slice(0, 3))) : undefined)],
    ]);
  }
}

const inserts = [
  '{',
  '}',
  '[',
  ']',
  ',',
  ':',
  '"',
  '\\',
  '\\u',
  '\\ud800',
  'null',
  '1e999',
  '-',
  '\u0000',
  '\ufeff',
];

/** JSON text with a field that stands twice, when it has any. */
export function repeatField(dice: Dice, text: string): string {
  const fields = [...text.matchAll(/"[^"\\]*":(?:"[^"\\]*"|\d+|true|false)/g)];
  if (fields.length === 0) return text;
  const field = dice.pick(fields);
  const end = field.index + field[0].length;
  return `${text.slice(0, end)},${field[0]}${text.slice(end)}`;
}

/** Bytes cut short, flipped, inserted or doubled. */
export function damageBytes(dice: Dice, bytes: Buffer): Buffer {
  const at = dice.below(bytes.length + 1);
  const [head, tail] = [bytes.subarray(0, at), bytes.subarray(at)];
  return dice.branch<Buffer>([
    [2, () => Buffer.from(head)],
    [2, () => Buffer.concat([head, Buffer.from(dice.pick(inserts)), tail])],
    [2, () => Buffer.concat([head, Buffer.from([dice.below(256)]), tail.subarray(1)])],
    [1, () => Buffer.concat([head, Buffer.from([0xc3, 0x28, 0xff]), tail])],
    [1, () => Buffer.concat([head, tail.subarray(dice.below(20))])],
    [1, () => Buffer.concat([Buffer.from('\ufeff'), bytes])],
    [1, () => Buffer.concat([bytes, bytes])],
    [1, () => Buffer.alloc(0)],
  ]);
}
