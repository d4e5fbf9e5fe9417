/** What every kind that keeps pods running says of its selector, its template and its counts. */
import type { PodTemplateSpec } from '../../api/generated/core-v1.ts';
import type { LabelSelector } from '../../api/generated/meta-v1.ts';
import { forbidden, invalid, required, unsupported } from './field-error.ts';
import { isEmptySelector, validateLabelSelector } from './label-selector.ts';
import { selectsTemplate, validateTemplate } from './pod-template-validation.ts';
import { notNegative } from './probe-validation.ts';
import type { FieldError } from './strategy.ts';

const templateField = 'spec.template';
const selectorField = 'spec.selector';
const noTemplate: PodTemplateSpec = {};

export interface OwnedTemplate {
  readonly selector: LabelSelector | undefined;
  readonly template?: PodTemplateSpec | undefined;
  /** As messages call it: a Deployment's template is judged as that of its ReplicaSets. */
  readonly owner: 'DaemonSet' | 'ReplicaSet' | 'ReplicationController' | 'StatefulSet';
}

/** @param owner as the message about an empty one calls it */
export function validateOwnSelector(selector: LabelSelector | undefined, owner: string): FieldError[] {
  if (selector === undefined) return [required(selectorField)];
  return [...validateLabelSelector(selector, selectorField), ...validateSelects(selector, owner)];
}

/** A selector that says nothing would select every pod. */
export const validateSelects = (selector: LabelSelector | undefined, owner: string): FieldError[] =>
  selector !== undefined && isEmptySelector(selector)
    ? [invalid(selectorField, selector, `empty selector is invalid for ${owner}`)]
    : [];

export function validateSelected({ selector, template = noTemplate }: OwnedTemplate): FieldError[] {
  if (selectsTemplate(selector, template) !== false) return [];
  const detail = '`selector` does not match template `labels`';
  return [invalid(`${templateField}.metadata.labels`, template.metadata?.labels, detail)];
}

/** Pods that are kept running do not end by themselves. */
export function validateLifetime({ template = noTemplate, owner }: OwnedTemplate): FieldError[] {
  const errors: FieldError[] = [];
  const field = `${templateField}.spec`;
  const policy = template.spec?.restartPolicy ?? 'Always';
  if (policy !== 'Always') errors.push(unsupported(`${field}.restartPolicy`, policy, ['Always']));
  if (template.spec?.activeDeadlineSeconds !== undefined)
    errors.push(
      forbidden(`${field}.activeDeadlineSeconds`, `activeDeadlineSeconds in ${owner} is not Supported`),
    );
  return errors;
}

/** A template whose pods run for ever and belong to a selector. */
export function validateOwnedTemplate(owned: OwnedTemplate): FieldError[] {
  const { selector, template = noTemplate } = owned;
  if (selectsTemplate(selector, template) === undefined)
    return [invalid(selectorField, selector, 'invalid label selector')];
  return [
    ...validateSelected(owned),
    ...validateTemplate(template, templateField),
    ...validateLifetime(owned),
  ];
}

/** No count of a status is below zero. `status`: an object of numbers, and of other things under other names. */
export function validateCounts(status: object, names: readonly string[]): FieldError[] {
  return names.flatMap((name) =>
    countOf(status, name) < 0 ? [invalid(`status.${name}`, countOf(status, name), notNegative)] : [],
  );
}

/** Parts of `status.replicas` are not more than the whole; what is available is ready. */
export function validateParts(
  status: object,
  parts: readonly string[],
  ready: 'readyReplicas' | 'status.readyReplicas' = 'readyReplicas',
): FieldError[] {
  const tooMany = (name: string, whole: string): FieldError =>
    invalid(`status.${name}`, countOf(status, name), `cannot be greater than ${whole}`);
  const errors = parts
    .filter((name) => countOf(status, name) > countOf(status, 'replicas'))
    .map((name) => tooMany(name, 'status.replicas'));
  if (countOf(status, 'availableReplicas') > countOf(status, 'readyReplicas'))
    errors.push(tooMany('availableReplicas', ready));
  return errors;
}

function countOf(status: object, name: string): number {
  const value: unknown = Reflect.get(status, name);
  return typeof value === 'number' ? value : 0;
}

/** How often a hash was not new never shrinks: names would be taken again. */
export function validateCollisions(next: object = {}, current: object = {}): FieldError[] {
  const before: unknown = Reflect.get(current, 'collisionCount');
  return typeof before === 'number' && countOf(next, 'collisionCount') < before
    ? [invalid('status.collisionCount', countOf(next, 'collisionCount'), 'cannot be decremented')]
    : [];
}
