import type { Dice } from './dice.ts';

/** Texts that parsers, paths, patterns and objects with inherited fields stumble over. */
const nasty: readonly string[] = [
  '',
  ' ',
  '__proto__',
  'constructor',
  'toString',
  'hasOwnProperty',
  '\u0000',
  'a\u0000b',
  '\ud800',
  'x\udfff',
  '\ufeffbom',
  '\u202eltr',
  'é',
  '😀😀',
  '%',
  '%zz',
  '%00',
  '..',
  '../../etc/passwd',
  '/',
  '//',
  '~0~1~2',
  '-1',
  '0',
  '00',
  '1e309',
  '9223372036854775807',
  '9223372036854775808',
  '18446744073709551616',
  'NaN',
  'Infinity',
  'null',
  'true',
  '{}',
  '[]',
  '"',
  '\\',
  "'",
  '$(X)',
  '$patch',
  '*',
  '.',
  '-',
  '_',
  'a/b/c',
  'a=b,c!=d',
  'k8s.io/a',
  '1970-01-01T00:00:00Z',
  '9999-99-99T99:99:99Z',
  '0001-01-01T00:00:00Z',
  '10.0.0.1',
  '10.0.0.0/33',
  '::1',
  '::ffff:1.2.3.4',
  '256.1.1.1',
  '01.2.3.4',
  '1Gi',
  '1.5.5',
  '-0',
  '1e999999999',
  '0.000000000000000000001',
  '100%',
  '101%',
  '-5%',
  '(a+)+$',
  '@every 1s',
  '60 24 32 13 8',
  'TZ=Mars * * * * *',
  '\r\nx-evil: 1',
  '\t',
];

const words = [
  'a',
  'web',
  'app',
  'x-1',
  'kube-system',
  'default',
  'nginx',
  'TCP',
  'http',
  'Always',
  'f-1',
  'c',
];

/** Mostly a plain word, sometimes one of the nasty texts, rarely a long one. */
export function someText(dice: Dice): string {
  return dice.branch<string>([
    [5, () => dice.pick(words)],
    [6, () => dice.pick(nasty)],
    [1, () => dice.pick(['a', '9', '.', 'a.', 'é', '((']).repeat(dice.pick([64, 254, 1_000, 5_000]))],
    [1, () => dice.pick(words) + dice.pick(nasty)],
  ]);
}

const numbers: readonly number[] = [
  0,
  -0,
  1,
  -1,
  2,
  80,
  65_535,
  65_536,
  1.5,
  -1.5,
  2 ** 31 - 1,
  2 ** 31,
  -(2 ** 31) - 1,
  2 ** 53,
  2 ** 63,
  -(2 ** 63),
  1e21,
  1e308,
  5e-324,
];

export const someNumber = (dice: Dice): number => dice.pick(numbers);

/** Any JSON value, small. */
export function someValue(dice: Dice, depth = 0): unknown {
  return dice.branch<unknown>([
    [4, () => someText(dice)],
    [3, () => someNumber(dice)],
    [1, () => null],
    [2, () => dice.chance(0.5)],
    [depth > 3 ? 0 : 2, () => Array.from({ length: dice.below(3) }, () => someValue(dice, depth + 1))],
    [depth > 3 ? 0 : 2, () => someFields(dice, () => someValue(dice, depth + 1))],
  ]);
}

/** An object with a few fields of odd names. */
export function someFields(dice: Dice, value: () => unknown): Record<string, unknown> {
  const entries = Array.from({ length: dice.below(3) + 1 }, () => [someText(dice), value()] as const);
  return Object.fromEntries(entries);
}
