import type { PodTemplateSpec } from '../../api/generated/core-v1.ts';
import type { LabelSelector } from '../../api/generated/meta-v1.ts';
import { fromLabelSelector, matchesSelector } from '../../api/selector.ts';
import { refuseDisabled } from './disabled-fields.ts';
import { forbidden } from './field-error.ts';
import { validateAnnotations, validateLabels } from './object-meta.ts';
import { validatePodSpec } from './pod-spec-validation.ts';
import type { FieldError } from './strategy.ts';

export function validateTemplate(template: PodTemplateSpec, field: string): FieldError[] {
  return [
    ...validateLabels(template.metadata?.labels, `${field}.labels`),
    ...validateAnnotations(template.metadata?.annotations, `${field}.annotations`),
    ...validatePodSpec(template.spec ?? { containers: [] }, `${field}.spec`),
    ...refuseDisabled(template.spec ?? { containers: [] }, `${field}.spec`),
    ...((template.spec?.ephemeralContainers ?? []).length > 0
      ? [forbidden(`${field}.spec.ephemeralContainers`, 'ephemeral containers not allowed in pod template')]
      : []),
  ];
}

/** Does the selector select the pods that the template makes? Undefined when the selector cannot be read. */
export function selectsTemplate(
  selector: LabelSelector | undefined,
  template: PodTemplateSpec,
): boolean | undefined {
  try {
    const parsed = fromLabelSelector(selector);
    if (parsed === undefined) return false;
    if (
      parsed.some(
        ({ operator, values }) => (operator === 'in' || operator === 'notIn') && values.length === 0,
      )
    )
      return undefined;
    return parsed.length === 0 || matchesSelector(parsed, template.metadata?.labels ?? {});
  } catch {
    // An operator that does not exist; it has been told as an error of its own.
    return undefined;
  }
}
