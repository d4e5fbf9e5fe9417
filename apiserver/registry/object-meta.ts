import type { ObjectMeta } from '../../api/generated/meta-v1.ts';
import { forbidden, invalid, required, tooLong } from './field-error.ts';
import type { NameRule } from './kind-rules.ts';
import { labelValueProblems, qualifiedNameProblems } from './names.ts';
import type { FieldError } from './strategy.ts';

const maxAnnotationBytes = 256 * 1024;

export interface MetaRules {
  readonly namespaced: boolean;
  readonly nameRule: NameRule;
}

/** Name, generateName, namespace, labels, annotations, owners, finalizers: in Kubernetes' order. */
export function validateObjectMeta(meta: ObjectMeta, rules: MetaRules): FieldError[] {
  const errors: FieldError[] = [];
  if (meta.generateName !== undefined && meta.generateName !== '')
    for (const problem of rules.nameRule(meta.generateName, true))
      errors.push(invalid('metadata.generateName', meta.generateName, problem));
  if (meta.name === undefined || meta.name === '')
    errors.push(required('metadata.name', 'name or generateName is required'));
  else
    for (const problem of rules.nameRule(meta.name, false))
      errors.push(invalid('metadata.name', meta.name, problem));
  if (!rules.namespaced && meta.namespace !== undefined && meta.namespace !== '')
    errors.push(forbidden('metadata.namespace', 'not allowed on this type'));
  errors.push(
    ...validateLabels(meta.labels, 'metadata.labels'),
    ...validateAnnotations(meta.annotations, 'metadata.annotations'),
    ...validateOwners(meta),
    ...validateFinalizers(meta.finalizers ?? [], 'metadata.finalizers'),
  );
  return errors;
}

export function validateLabels(labels: Record<string, string> | undefined, field: string): FieldError[] {
  const errors: FieldError[] = [];
  for (const key in labels) {
    for (const problem of qualifiedNameProblems(key)) errors.push(invalid(field, key, problem));
    const value = labels[key] ?? '';
    for (const problem of labelValueProblems(value)) errors.push(invalid(field, value, problem));
  }
  return errors;
}

export function validateAnnotations(
  annotations: Record<string, string> | undefined,
  field: string,
): FieldError[] {
  const errors: FieldError[] = [];
  let bytes = 0;
  for (const key in annotations) {
    for (const problem of qualifiedNameProblems(key.toLowerCase())) errors.push(invalid(field, key, problem));
    bytes += Buffer.byteLength(key) + Buffer.byteLength(annotations[key] ?? '');
  }
  if (bytes > maxAnnotationBytes) errors.push(tooLong(field, maxAnnotationBytes));
  return errors;
}

const bannedOwners = new Set(['v1/Event']);

function validateOwners(meta: ObjectMeta): FieldError[] {
  const errors: FieldError[] = [];
  const owners = meta.ownerReferences ?? [];
  const field = 'metadata.ownerReferences';
  let controller: string | undefined;
  for (const owner of owners) {
    if (owner.apiVersion.split('/').length > 2)
      errors.push(
        invalid(
          `${field}.apiVersion`,
          owner.apiVersion,
          `unexpected GroupVersion string: ${owner.apiVersion}`,
        ),
      );
    if (owner.apiVersion === '') errors.push(invalid(`${field}.apiVersion`, '', 'version must not be empty'));
    if (owner.kind === '') errors.push(invalid(`${field}.kind`, '', 'must not be empty'));
    if (owner.name === '') errors.push(invalid(`${field}.name`, '', 'must not be empty'));
    if (owner.uid === '') errors.push(invalid(`${field}.uid`, '', 'must not be empty'));
    if (bannedOwners.has(`${owner.apiVersion}/${owner.kind}`))
      errors.push(
        invalid(field, owner, `${owner.apiVersion}, Kind=${owner.kind} is disallowed from being an owner`),
      );
    if (owner.controller !== true) continue;
    if (controller === undefined) controller = `${owner.kind}/${owner.name}`;
    else
      errors.push(
        invalid(
          field,
          owners,
          `Only one reference can have Controller set to true. Found "true" in references for ${controller} and ${owner.kind}/${owner.name}`,
        ),
      );
  }
  return errors;
}

const standardFinalizers = new Set(['orphan', 'foregroundDeletion', 'kubernetes']);

export function validateFinalizers(finalizers: readonly string[], field: string): FieldError[] {
  const errors: FieldError[] = [];
  for (const [index, finalizer] of finalizers.entries()) {
    for (const problem of qualifiedNameProblems(finalizer)) errors.push(invalid(field, finalizer, problem));
    if (!finalizer.includes('/') && !standardFinalizers.has(finalizer))
      errors.push(
        invalid(
          `${field}[${index}]`,
          finalizer,
          'name is neither a standard finalizer name nor is it fully qualified',
        ),
      );
  }
  if (finalizers.includes('orphan') && finalizers.includes('foregroundDeletion'))
    errors.push(invalid(field, finalizers, 'finalizer orphan and foregroundDeletion cannot be both set'));
  return errors;
}

/** What an update may not change. */
export function validateMetaUpdate(next: ObjectMeta, current: ObjectMeta): FieldError[] {
  const errors: FieldError[] = [];
  const immutable = [
    'name',
    'namespace',
    'uid',
    'creationTimestamp',
    'deletionTimestamp',
    'deletionGracePeriodSeconds',
  ] as const;
  if (current.deletionTimestamp !== undefined) {
    const added = (next.finalizers ?? []).filter((item) => !(current.finalizers ?? []).includes(item));
    if (added.length > 0)
      errors.push(
        forbidden(
          'metadata.finalizers',
          `no new finalizers can be added if the object is being deleted, found new finalizers []string{${added.map((item) => JSON.stringify(item)).join(', ')}}`,
        ),
      );
  }
  for (const name of immutable)
    if ((next[name] ?? '') !== (current[name] ?? ''))
      errors.push(invalid(`metadata.${name}`, next[name], 'field is immutable'));
  return errors;
}
