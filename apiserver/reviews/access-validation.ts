import { StatusError } from '../../api/status-error.ts';

/** The parts of an access review that say whose access is in question, and to what. */
export interface AccessSpec {
  readonly resourceAttributes?: { readonly namespace?: string };
  readonly nonResourceAttributes?: { readonly path?: string; readonly verb?: string };
  readonly user?: string;
  readonly groups?: readonly string[];
}

interface Problem {
  readonly field: string;
  readonly message: string;
}

const group = 'authorization.k8s.io';

/**
 * @param namespace the path's, for a review that is about one namespace
 * @throws StatusError 422 as Kubernetes words it
 */
export function checkAccessReview(
  spec: AccessSpec,
  { self, namespace }: { readonly self: boolean; readonly namespace: string | undefined },
): void {
  const problems: Problem[] = [];
  if (spec.resourceAttributes !== undefined && spec.nonResourceAttributes !== undefined)
    problems.push({
      field: 'spec.nonResourceAttributes',
      message: `Invalid value: ${shown(spec.nonResourceAttributes)}: cannot be specified in combination with resourceAttributes`,
    });
  if (spec.resourceAttributes === undefined && spec.nonResourceAttributes === undefined)
    problems.push({
      field: 'spec.resourceAttributes',
      message:
        'Invalid value: null: exactly one of nonResourceAttributes or resourceAttributes must be specified',
    });
  if (!self && (spec.user ?? '') === '' && (spec.groups ?? []).length === 0)
    problems.push({
      field: 'spec.user',
      message: 'Invalid value: "": at least one of user or group must be specified',
    });
  const asked = spec.resourceAttributes?.namespace ?? '';
  if (namespace !== undefined && spec.resourceAttributes !== undefined && asked !== namespace)
    problems.push({
      field: 'spec.resourceAttributes.namespace',
      message: `Invalid value: ${JSON.stringify(asked)}: must match metadata.namespace`,
    });
  if (problems.length > 0) throw invalid(problems);
}

const shown = ({ path = '', verb = '' }: { readonly path?: string; readonly verb?: string }): string =>
  JSON.stringify({ Path: path, Verb: verb });

/** Reviews have neither kind nor name in such an error. */
function invalid(problems: readonly Problem[]): StatusError {
  const texts = problems.map(({ field, message }) => `${field}: ${message}`);
  const list = texts.length === 1 ? texts[0] : `[${texts.join(', ')}]`;
  return new StatusError({
    reason: 'Invalid',
    code: 422,
    message: `.${group} "" is invalid: ${list}`,
    details: {
      group,
      causes: problems.map(({ field, message }) => ({ reason: 'FieldValueInvalid', message, field })),
    },
  });
}
