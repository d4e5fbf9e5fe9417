import { expect, test } from 'vitest';
import { type FlagSpec, parseLine } from './flags.ts';

const specs: readonly FlagSpec[] = [
  { name: 'namespace', short: 'n', kind: 'text' },
  { name: 'stdin', short: 'i', kind: 'boolean' },
  { name: 'tty', short: 't', kind: 'boolean' },
  { name: 'filename', short: 'f', kind: 'list' },
  { name: 'replicas', kind: 'text' },
  { name: 'timeout', kind: 'text' },
  { name: 'dry-run', kind: 'text', fallback: 'none', bare: 'unchanged' },
];
const parse = (...argv: string[]): ReturnType<typeof parseLine> => parseLine(argv, specs, 'kubectl-lite x');

test.each([
  [['-n', 'a', 'pods']],
  [['pods', '-na']],
  [['-n=a', 'pods']],
  [['--namespace', 'a', 'pods']],
  [['pods', '--namespace=a']],
])('%j names a namespace', (argv) => {
  const { flags, args } = parse(...argv);
  expect([flags.text('namespace'), args]).toEqual(['a', ['pods']]);
});

test('switches stand together, and what comes after -- is left alone', () => {
  const { flags, args, rest } = parse('-it', 'web', '--', 'ls', '-l');
  expect([flags.bool('stdin'), flags.bool('tty'), args, rest]).toEqual([true, true, ['web'], ['ls', '-l']]);
});

test('lists gather, and a flag may stand without its value', () => {
  const { flags, args } = parse('-f', 'a,b', '-fc', '--dry-run', 'x');
  expect([flags.list('filename'), flags.text('dry-run'), args]).toEqual([
    ['a', 'b', 'c'],
    'unchanged',
    ['x'],
  ]);
});

test('durations are those of Go', () => {
  expect(parse('--timeout=1m30s').flags.durationMs('timeout')).toBe(90_000);
  expect(() => parse('--timeout=soon').flags.durationMs('timeout')).toThrow('time: invalid duration "soon"');
});

test.each([
  [['--nope'], 'error: unknown flag: --nope'],
  [['-z'], "error: unknown shorthand flag: 'z' in -z"],
  [['--replicas'], 'error: flag needs an argument: --replicas'],
])('%j is refused', (argv, message) => {
  expect(() => parse(...argv)).toThrow(message);
});

test('a number that is none is refused by name', () => {
  expect(() => parse('--replicas=x').flags.number('replicas')).toThrow(
    'invalid argument "x" for "--replicas" flag',
  );
});
