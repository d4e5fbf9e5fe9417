import type { LimitRange, LimitRangeItem } from '../../api/generated/core-v1.ts';
import { limitranges } from '../../api/generated/resources.ts';
import { compareQuantities, parseQuantity, type Quantity } from '../../api/quantity.ts';
import { column, nameColumn } from './columns.ts';
import { duplicate, forbidden, invalid, required } from './field-error.ts';
import type { KindRules } from './kind-rules.ts';
import { qualifiedNameProblems } from './names.ts';
import { roundToMillis } from './pod-spec-defaults.ts';
import {
  amountOf,
  isOvercommitAllowed,
  validateContainerResourceName,
  validateResourceName,
} from './resource-validation.ts';
import type { FieldError } from './strategy.ts';

const types = ['Pod', 'Container', 'PersistentVolumeClaim'];
const lists = ['max', 'min', 'default', 'defaultRequest', 'maxLimitRequestRatio'] as const;

function setDefaults({ spec }: LimitRange): void {
  for (const limit of spec?.limits ?? []) {
    if (limit.type === 'Container') {
      limit.default = { ...limit.max, ...limit.default };
      limit.defaultRequest = { ...limit.min, ...limit.default, ...limit.defaultRequest };
      for (const list of ['default', 'defaultRequest'] as const)
        if (Object.keys(limit[list] ?? {}).length === 0) delete limit[list];
    }
    for (const name of lists) {
      const list = limit[name];
      if (list !== undefined) roundToMillis(list);
    }
  }
}

function validate({ spec }: LimitRange): FieldError[] {
  const errors: FieldError[] = [];
  const seen = new Set<string>();
  for (const [index, limit] of (spec?.limits ?? []).entries()) {
    const path = `spec.limits[${index}]`;
    errors.push(...validateType(limit.type, `${path}.type`));
    if (seen.has(limit.type)) errors.push(duplicate(`${path}.type`, limit.type));
    seen.add(limit.type);
    errors.push(...validateNames(limit, path), ...validateBounds(limit, path));
  }
  return errors;
}

function validateType(type: string, field: string): FieldError[] {
  const problems = qualifiedNameProblems(type);
  if (problems.length > 0) return problems.map((problem) => invalid(field, type, problem));
  return type.includes('/') || types.includes(type)
    ? []
    : [invalid(field, type, 'must be a standard limit type or fully qualified')];
}

function validateNames(limit: LimitRangeItem, path: string): FieldError[] {
  const errors: FieldError[] = [];
  const isCompute = limit.type === 'Pod' || limit.type === 'Container';
  for (const list of lists) {
    const names = Object.keys(limit[list] ?? {});
    if (limit.type === 'Pod' && (list === 'default' || list === 'defaultRequest')) {
      if (names.length > 0)
        errors.push(forbidden(`${path}.${list}`, "may not be specified when `type` is 'Pod'"));
      continue;
    }
    for (const name of names) {
      const field = `${path}.${list}[${name}]`;
      errors.push(
        ...(isCompute ? validateContainerResourceName(name, field) : validateResourceName(name, field)),
      );
    }
  }
  const bounds = { ...limit.min, ...limit.max };
  if (limit.type === 'PersistentVolumeClaim' && bounds['storage'] === undefined)
    errors.push(
      required(
        `${path}.limits`,
        'either minimum or maximum storage value is required, but neither was provided',
      ),
    );
  return errors;
}

type ListName = (typeof lists)[number];

/** What must not exceed what: [less, more, the list that is told of, the message]. */
const orders: readonly (readonly [ListName, ListName, ListName, (less: string, more: string) => string])[] = [
  ['min', 'max', 'min', (less, more) => `min value ${less} is greater than max value ${more}`],
  [
    'min',
    'defaultRequest',
    'defaultRequest',
    (less, more) => `min value ${less} is greater than default request value ${more}`,
  ],
  [
    'defaultRequest',
    'max',
    'defaultRequest',
    (less, more) => `default request value ${less} is greater than max value ${more}`,
  ],
  [
    'defaultRequest',
    'default',
    'defaultRequest',
    (less, more) => `default request value ${less} is greater than default limit value ${more}`,
  ],
  ['min', 'default', 'default', (less, more) => `min value ${less} is greater than default value ${more}`],
  ['default', 'max', 'default', (less, more) => `default value ${less} is greater than max value ${more}`],
];
/** Which of the two amounts Kubernetes shows. */
const shows = (told: ListName, less: ListName): 'less' | 'more' =>
  told === 'default' ? (less === 'min' ? 'less' : 'more') : told === less ? 'less' : 'more';

function validateBounds(limit: LimitRangeItem, path: string): FieldError[] {
  const names = new Set(lists.flatMap((list) => Object.keys(limit[list] ?? {})));
  return [...names].flatMap((name) => validateAmounts(limit, name, path));
}

function validateAmounts(limit: LimitRangeItem, name: string, path: string): FieldError[] {
  const errors: FieldError[] = [];
  const textOf = (list: ListName): string | undefined =>
    limit.type === 'Pod' && list.startsWith('default') ? undefined : amountOf(limit[list], name);
  for (const [lessList, moreList, told, message] of orders) {
    const [less, more] = [textOf(lessList), textOf(moreList)];
    if (less === undefined || more === undefined || compare(less, more) <= 0) continue;
    const shown = shows(told, lessList) === 'less' ? less : more;
    errors.push(invalid(`${path}.${told}[${name}]`, shown, message(less, more)));
  }
  errors.push(...validateRatio(textOf, `${path}.maxLimitRequestRatio[${name}]`));
  const [given, request] = [textOf('default'), textOf('defaultRequest')];
  if (given === undefined || request === undefined || isOvercommitAllowed(name)) return errors;
  if (compare(given, request) !== 0)
    errors.push(
      invalid(
        `${path}.defaultRequest[${name}]`,
        request,
        `default value ${given} must equal to defaultRequest value ${request} in ${name}`,
      ),
    );
  return errors;
}

const compare = (left: string, right: string): number =>
  compareQuantities(parseQuantity(left), parseQuantity(right));
const toNumber = ({ nanos }: Quantity): number => Number(nanos) / 1e9;

function validateRatio(textOf: (list: ListName) => string | undefined, field: string): FieldError[] {
  const [ratio, min, max] = [textOf('maxLimitRequestRatio'), textOf('min'), textOf('max')];
  if (ratio === undefined) return [];
  const errors: FieldError[] = [];
  if (compare(ratio, '1') < 0) errors.push(invalid(field, ratio, `ratio ${ratio} is less than 1`));
  if (min === undefined || max === undefined) return errors;
  const most = toNumber(parseQuantity(max)) / toNumber(parseQuantity(min));
  if (toNumber(parseQuantity(ratio)) > most)
    errors.push(invalid(field, ratio, `ratio ${ratio} is greater than max/min = ${most.toFixed(6)}`));
  return errors;
}

export const limitRangeRules: KindRules<LimitRange> = {
  type: limitranges,
  setDefaults,
  validate,
  columns: [
    nameColumn,
    column('Created At', 'When it was made.', ({ metadata }) => metadata.creationTimestamp ?? '', 'date'),
  ],
};
