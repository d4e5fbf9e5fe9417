import { damageBytes, damageTree } from './damage.ts';
import type { Dice } from './dice.ts';
import { someText, someValue } from './texts.ts';

export interface PatchBody {
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Buffer;
}

/** A patch of any type, made of (parts of) the object. */
export function somePatch(dice: Dice, object: Record<string, unknown>): PatchBody {
  const [type, make] = dice.pick([
    ['application/json-patch+json', () => operations(dice, object)],
    ['application/merge-patch+json', () => part(dice, object)],
    ['application/strategic-merge-patch+json', () => directives(dice, part(dice, object))],
    ['application/apply-patch+yaml', () => object],
  ] as const);
  const body = Buffer.from(JSON.stringify(make()));
  return { headers: { 'content-type': type }, body: dice.chance(0.1) ? damageBytes(dice, body) : body };
}

function part(dice: Dice, object: Record<string, unknown>): Record<string, unknown> {
  const kept = Object.entries(object).filter(() => dice.chance(0.6));
  const patch = structuredClone(Object.fromEntries(kept));
  if (dice.chance(0.4)) damageTree(dice, patch, 2);
  return patch;
}

const keys = [
  '$patch',
  '$retainKeys',
  '$setElementOrder/containers',
  '$setElementOrder/',
  '$deleteFromPrimitiveList/finalizers',
  '$deleteFromPrimitiveList/containers',
];

/** Puts directives of strategic merge patches into some of the objects. */
function directives(dice: Dice, value: unknown): unknown {
  if (Array.isArray(value)) return value.map((item: unknown) => directives(dice, item));
  if (typeof value !== 'object' || value === null) return value;
  const changed = Object.entries(value).map(([key, item]) => [key, directives(dice, item)] as const);
  if (!dice.chance(0.25)) return Object.fromEntries(changed);
  const key = dice.pick(keys);
  const content = dice.branch<unknown>([
    [3, () => dice.pick(['delete', 'replace', 'merge', 'x'])],
    [2, () => [{ name: 'a' }, { name: 'c' }]],
    [1, () => ['a', 'b', 1]],
    [1, () => someValue(dice)],
  ]);
  return Object.fromEntries([...changed, [key, content]]);
}

function pointersOf(value: unknown, base = '', found: string[] = ['']): string[] {
  if (typeof value !== 'object' || value === null || found.length > 200) return found;
  for (const [key, item] of Object.entries(value)) {
    const pointer = `${base}/${key.replaceAll('~', '~0').replaceAll('/', '~1')}`;
    found.push(pointer);
    pointersOf(item, pointer, found);
  }
  return found;
}

function operations(dice: Dice, object: Record<string, unknown>): unknown[] {
  const pointers = [
    ...pointersOf(object),
    '/metadata/labels/a',
    '/metadata',
    '/spec/containers/-',
    '/spec/containers/01',
  ];
  const pointer = (): unknown =>
    dice.branch<unknown>([
      [8, () => dice.pick(pointers)],
      [1, () => `${dice.pick(pointers)}/${someText(dice)}`],
      [1, () => someValue(dice)],
    ]);
  return Array.from({ length: dice.pick([0, 1, 1, 2, 5]) }, () => {
    const op = dice.pick(['add', 'add', 'remove', 'replace', 'test', 'copy', 'move', 'x', '']);
    const operation: Record<string, unknown> = { op, path: pointer(), value: someValue(dice) };
    if (op === 'copy' || op === 'move') operation['from'] = pointer();
    if (dice.chance(0.05)) delete operation[dice.pick(['op', 'path', 'value', 'from'])];
    return dice.chance(0.02) ? someValue(dice) : operation;
  });
}
