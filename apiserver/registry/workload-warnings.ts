import { isDeepStrictEqual } from 'node:util';
import type { PodTemplateSpec } from '../../api/generated/core-v1.ts';
import { dnsLabelProblems } from './names.ts';
import { templateWarnings } from './pod-warnings.ts';

interface Workload {
  readonly metadata: { readonly name?: string | undefined };
  readonly spec?: unknown;
}

/** Names that pods' names, and with them host names, are made of. Told when the object is new. */
export function nameWarnings(
  { metadata: { name = '' } }: Workload,
  previous: Workload | undefined,
): string[] {
  const problems = previous !== undefined || name === '' ? [] : dnsLabelProblems(name);
  return problems.length === 0
    ? []
    : [
        `metadata.name: this is used in Pod names and hostnames, which can result in surprising behavior; a DNS label is recommended: [${problems.join(' ')}]`,
      ];
}

/** Those of the template, when the object is new or its spec has changed. @param field of the template's spec */
export function changedTemplateWarnings(
  object: Workload,
  previous: Workload | undefined,
  template: PodTemplateSpec | undefined,
  field = 'spec.template.spec',
): string[] {
  const isSame = previous !== undefined && isDeepStrictEqual(object.spec, previous.spec);
  return isSame ? [] : templateWarnings(template, field);
}
