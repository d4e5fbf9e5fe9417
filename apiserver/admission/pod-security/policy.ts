import { invalid } from '../../registry/field-error.ts';
import type { FieldError } from '../../registry/strategy.ts';

export type Level = 'privileged' | 'baseline' | 'restricted';

/** A level as of one minor version; `latest` is whatever this server knows. */
export interface LevelVersion {
  readonly level: Level;
  readonly minor: number | 'latest';
}

/** What a namespace asks for, by mode. */
export interface Policy {
  readonly enforce: LevelVersion;
  readonly audit: LevelVersion;
  readonly warn: LevelVersion;
}

const anything: LevelVersion = { level: 'privileged', minor: 'latest' };
export const defaultPolicy: Policy = { enforce: anything, audit: anything, warn: anything };

const prefix = 'pod-security.kubernetes.io/';
const levels: readonly Level[] = ['privileged', 'baseline', 'restricted'];
const isLevel = (text: string): text is Level => levels.some((level) => level === text);
const versionForm = /^v1\.(0|[1-9][0-9]*)$/;

export const toText = ({ level, minor }: LevelVersion): string =>
  `${level}:${minor === 'latest' ? minor : `v1.${minor}`}`;

export const sameLevelVersion = (a: LevelVersion, b: LevelVersion): boolean =>
  a.level === b.level && a.minor === b.minor;

/** Positive when `a` is the stricter one. */
export const compareLevels = (a: Level, b: Level): number => levels.indexOf(a) - levels.indexOf(b);

/**
 * What the labels of a namespace ask for. A level that is none means `restricted` where it is enforced and nothing
 * where it is not; a version that is none means `latest`.
 */
export function readPolicy(labels: ReadonlyMap<string, string>, defaults: Policy): Policy {
  if (labels.size === 0) return defaults;
  return {
    enforce: readMode(labels, 'enforce', defaults.enforce, 'restricted'),
    audit: readMode(labels, 'audit', defaults.audit, 'privileged'),
    warn: readMode(labels, 'warn', defaults.warn, 'privileged'),
  };
}

function readMode(
  labels: ReadonlyMap<string, string>,
  mode: keyof Policy,
  otherwise: LevelVersion,
  fallback: Level,
): LevelVersion {
  const level = labels.get(`${prefix}${mode}`);
  const version = labels.get(`${prefix}${mode}-version`);
  if (level === undefined && version === undefined) return otherwise;
  const known = level === undefined ? otherwise.level : isLevel(level) ? level : fallback;
  return { level: known, minor: version === undefined ? otherwise.minor : readVersion(version) };
}

function readVersion(text: string): number | 'latest' {
  const minor = versionForm.exec(text)?.[1];
  return minor === undefined ? 'latest' : Number(minor);
}

/** Labels of ours that say nothing that is known. */
export function policyProblems(labels: ReadonlyMap<string, string>): FieldError[] {
  const problems: FieldError[] = [];
  for (const mode of ['enforce', 'audit', 'warn']) {
    const level = labels.get(`${prefix}${mode}`);
    if (level !== undefined && !isLevel(level))
      problems.push(
        invalid(`metadata.labels[${prefix}${mode}]`, level, `must be one of ${levels.join(', ')}`),
      );
    const version = labels.get(`${prefix}${mode}-version`);
    if (version !== undefined && version !== 'latest' && !versionForm.test(version))
      problems.push(
        invalid(`metadata.labels[${prefix}${mode}-version]`, version, 'must be "latest" or "v1.x"'),
      );
  }
  return problems;
}
