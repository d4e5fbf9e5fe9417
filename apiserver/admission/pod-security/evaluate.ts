import { baselineChecks } from './baseline.ts';
import type { Check, Judge, JudgedPod, Violation } from './check.ts';
import type { LevelVersion } from './policy.ts';
import { restrictedChecks } from './restricted.ts';

/** The rule as it was in `minor`; undefined when there was none yet. */
function judgeAt({ versions }: Check, minor: number): Judge | undefined {
  return versions.findLast(([from]) => from <= minor)?.[1];
}

/** Pure: everything about `pod` that the level forbids. */
export function violationsOf({ level, minor }: LevelVersion, pod: JudgedPod): Violation[] {
  if (level === 'privileged') return [];
  return judgesOf(level, minor === 'latest' ? Number.POSITIVE_INFINITY : minor).flatMap(
    (judge) => judge(pod) ?? [],
  );
}

function judgesOf(level: 'baseline' | 'restricted', minor: number): Judge[] {
  const stricter =
    level === 'baseline' ? [] : restrictedChecks.filter((check) => judgeAt(check, minor) !== undefined);
  const overridden = new Set(stricter.flatMap(({ overrides }) => overrides ?? []));
  const checks = [...baselineChecks.filter(({ id }) => !overridden.has(id)), ...stricter];
  return checks.flatMap((check) => judgeAt(check, minor) ?? []);
}

/** `reason (detail), reason (detail)`. */
export const toDetail = (violations: readonly Violation[]): string =>
  violations.map(({ reason, detail }) => `${reason} (${detail})`).join(', ');

export const toReason = (violations: readonly Violation[]): string =>
  violations.map(({ reason }) => reason).join(', ');
