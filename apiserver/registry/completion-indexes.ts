/**
 * Completion indexes as Jobs write them: `0,2-5,7`, ascending, each below the number of completions.
 * @see https://kubernetes.io/docs/concepts/workloads/controllers/job/#completion-mode
 */
type Interval = readonly [first: number, last: number];

/** What a text of indexes says: how many it names, or why it is none. */
export type IndexesText = { readonly count: number } | { readonly problem: string };

const whole = /^[+-]?\d+$/;

function parseInterval(text: string, completions: number): Interval | string {
  const parts = text.split('-');
  if (parts.length > 2)
    return `the fragment ${JSON.stringify(text)} violates the requirement that an index interval can have at most two parts separated by '-'`;
  for (const part of parts) {
    if (!whole.test(part)) return `cannot convert string to integer for index: ${JSON.stringify(part)}`;
    if (Number(part) >= completions) return `too large index: ${JSON.stringify(part)}`;
  }
  const [first = 0, last] = parts.map(Number);
  if (last !== undefined && first >= last) return notIncreasing(first, last);
  return [first, last ?? first];
}

const notIncreasing = (previous: number, current: number): string =>
  `non-increasing order, previous: ${previous}, current: ${current}`;

export function readIndexes(text: string, completions: number): IndexesText {
  if (text === '') return { count: 0 };
  let count = 0;
  let previous: number | undefined;
  for (const part of text.split(',')) {
    const interval = parseInterval(part, completions);
    if (typeof interval === 'string') return { problem: interval };
    const [first, last] = interval;
    if (previous !== undefined && previous >= first) return { problem: notIncreasing(previous, first) };
    count += last - first + 1;
    previous = last;
  }
  return { count };
}

/** The smallest index that is in both; what cannot be read is in neither. */
export function firstCommonIndex(left: string, right: string, completions: number): number | undefined {
  const [a, b] = [intervalsOf(left, completions), intervalsOf(right, completions)];
  let [i, j] = [0, 0];
  while (i < a.length && j < b.length) {
    const [x, y] = [a[i] ?? [0, 0], b[j] ?? [0, 0]];
    if (x[0] <= y[1] && y[0] <= x[1]) return Math.max(x[0], y[0]);
    if (x[1] < y[1]) i += 1;
    else j += 1;
  }
  return undefined;
}

function intervalsOf(text: string, completions: number): Interval[] {
  return text.split(',').flatMap((part) => {
    const interval = parseInterval(part, completions);
    return typeof interval === 'string' ? [] : [interval];
  });
}
