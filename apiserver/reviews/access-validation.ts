import type {
  FieldSelectorAttributes,
  LabelSelectorAttributes,
  NonResourceAttributes,
} from '../../api/generated/authorization-v1.ts';
import { StatusError } from '../../api/status-error.ts';
import type { AccessQuestion } from './access-attributes.ts';

type Selector = FieldSelectorAttributes | LabelSelectorAttributes;

interface Problem {
  /** Default: FieldValueInvalid. */
  readonly reason?: string;
  readonly field: string;
  readonly message: string;
}

const group = 'authorization.k8s.io';

/**
 * @param namespace the path's, for a review that is about one namespace
 * @throws StatusError 422 as Kubernetes words it
 */
export function checkAccessReview(
  spec: AccessQuestion,
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
  problems.push(...selectorProblems('fieldSelector', spec.resourceAttributes?.fieldSelector));
  problems.push(...selectorProblems('labelSelector', spec.resourceAttributes?.labelSelector));
  const asked = spec.resourceAttributes?.namespace ?? '';
  if (namespace !== undefined && spec.resourceAttributes !== undefined && asked !== namespace)
    problems.push({
      field: 'spec.resourceAttributes.namespace',
      message: `Invalid value: ${JSON.stringify(asked)}: must match metadata.namespace`,
    });
  if (problems.length > 0) throw invalid(problems);
}

function selectorProblems(name: string, selector: Selector | undefined): Problem[] {
  if (selector === undefined) return [];
  const path = `spec.resourceAttributes.${name}`;
  const { rawSelector = '', requirements = [] } = selector;
  if (rawSelector !== '' && requirements.length > 0)
    return [
      {
        field: `${path}.rawSelector`,
        message: `Invalid value: ${JSON.stringify(rawSelector)}: may not specified at the same time as requirements`,
      },
    ];
  if (rawSelector !== '' || requirements.length > 0) return [];
  return [
    {
      reason: 'FieldValueRequired',
      field: `${path}.requirements`,
      message: `Required value: when ${path} is specified, requirements or rawSelector is required`,
    },
  ];
}

const shown = ({ path = '', verb = '' }: NonResourceAttributes): string =>
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
      causes: problems.map(({ reason = 'FieldValueInvalid', field, message }) => ({
        reason,
        message,
        field,
      })),
    },
  });
}
