import type {
  FieldSelectorAttributes,
  LabelSelectorAttributes,
  SubjectAccessReviewSpec,
} from '../../api/generated/authorization-v1.ts';
import { everything, type Requirement, type Selector } from '../../api/selector.ts';
import { messageOf } from '../../base/invariant.ts';
import type { Attributes } from '../authorization/authorizer.ts';
import { parseFieldSelector } from '../http/field-selector.ts';
import { parseLabelSelector } from '../http/selector-parser.ts';
import type { UserInfo } from '../registry/strategy.ts';

/** What a review asks about; every part of it may be left out. */
export type AccessQuestion = Partial<SubjectAccessReviewSpec>;

type Operator = Requirement['operator'];
const operators: Readonly<Record<string, Operator>> = {
  In: 'in',
  NotIn: 'notIn',
  Exists: 'exists',
  DoesNotExist: 'absent',
};

/** The question as the authorizer takes it, and what of it could not be understood. */
export function accessAttributes(
  spec: AccessQuestion,
  user: UserInfo,
): { readonly attributes: Attributes; readonly problem: string } {
  const resource = spec.resourceAttributes;
  const fields = readSelector(resource?.fieldSelector, parseFieldSelector);
  const labels = readSelector(resource?.labelSelector, parseLabelSelector);
  const attributes: Attributes = {
    user,
    isResource: resource !== undefined,
    verb: resource?.verb ?? spec.nonResourceAttributes?.verb ?? '',
    group: resource?.group ?? '',
    version: resource?.version ?? '',
    resource: resource?.resource ?? '',
    subresource: resource?.subresource ?? '',
    namespace: resource?.namespace ?? '',
    name: resource?.name ?? '',
    path: spec.nonResourceAttributes?.path ?? '',
    fields: fields.selector,
  };
  const problems = [fields.problem, labels.problem].filter((text) => text !== '');
  return { attributes, problem: problems.length > 1 ? `[${problems.join(', ')}]` : (problems[0] ?? '') };
}

/** What is not understood narrows nothing, so that it can only lead to a denial. */
function readSelector(
  source: FieldSelectorAttributes | LabelSelectorAttributes | undefined,
  parse: (text: string) => Selector,
): { readonly selector: Selector; readonly problem: string } {
  const { rawSelector = '', requirements = [] } = source ?? {};
  if (rawSelector === '') return fromRequirements(requirements);
  try {
    return { selector: parse(rawSelector), problem: '' };
  } catch (error) {
    // The answer is given all the same, and says what was left out of it.
    return { selector: everything, problem: messageOf(error) };
  }
}

type Requirements = NonNullable<(FieldSelectorAttributes | LabelSelectorAttributes)['requirements']>;

function fromRequirements(requirements: Requirements): {
  readonly selector: Selector;
  readonly problem: string;
} {
  const unknown = requirements.find(({ operator }) => !Object.hasOwn(operators, operator));
  return {
    selector: requirements.flatMap(({ key, operator, values = [] }) => {
      const known = Object.hasOwn(operators, operator) ? operators[operator] : undefined;
      return known === undefined ? [] : [{ key, operator: known, values }];
    }),
    problem:
      unknown === undefined ? '' : `${JSON.stringify(unknown.operator)} is not a valid selector operator`,
  };
}
