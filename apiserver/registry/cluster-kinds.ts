import type {
  MutatingWebhook,
  MutatingWebhookConfiguration,
  ValidatingWebhook,
  ValidatingWebhookConfiguration,
} from '../../api/generated/admissionregistration-v1.ts';
import type { RuntimeClass } from '../../api/generated/node-v1.ts';
import {
  mutatingwebhookconfigurations,
  priorityclasses,
  runtimeclasses,
  validatingwebhookconfigurations,
} from '../../api/generated/resources.ts';
import type { PriorityClass } from '../../api/generated/scheduling-v1.ts';
import { ageColumn, column, nameColumn } from './columns.ts';
import { forbidden, invalid, unsupported } from './field-error.ts';
import type { KindRules } from './kind-rules.ts';
import { dnsLabelProblems } from './names.ts';
import { roundToMillis } from './pod-spec-defaults.ts';
import { validateTolerations } from './pod-spec-validation.ts';
import type { FieldError } from './strategy.ts';

const highestUserPriority = 1_000_000_000;
const systemPrefix = 'system-';
const systemClasses: ReadonlyMap<string, number> = new Map([
  ['system-node-critical', 2_000_001_000],
  ['system-cluster-critical', 2_000_000_000],
]);

export const priorityClassRules: KindRules<PriorityClass> = {
  type: priorityclasses,
  countsGeneration: true,
  setDefaults(priorityClass) {
    priorityClass.preemptionPolicy ??= 'PreemptLowerPriority';
  },
  validate({ metadata, value, preemptionPolicy }) {
    const errors: FieldError[] = [];
    const name = metadata.name ?? '';
    if (name.startsWith(systemPrefix)) {
      if (systemClasses.get(name) !== value)
        errors.push(
          forbidden(
            'metadata.name',
            "priority class names with 'system-' prefix are reserved for system use only. error: " +
              (systemClasses.get(name) === undefined
                ? `${name} is not a known system priority class`
                : `value of ${name} PriorityClass must be ${systemClasses.get(name)}`),
          ),
        );
    } else if ((value ?? 0) > highestUserPriority)
      errors.push(
        forbidden('value', `maximum allowed value of a user defined priority is ${highestUserPriority}`),
      );
    const policies = ['Never', 'PreemptLowerPriority'];
    if (!policies.includes(preemptionPolicy ?? ''))
      errors.push(unsupported('preemptionPolicy', preemptionPolicy, policies));
    return errors;
  },
  validateUpdate(next, current) {
    const errors: FieldError[] = [];
    if (next.value !== current.value) errors.push(forbidden('value', 'may not be changed in an update.'));
    if (next.preemptionPolicy !== current.preemptionPolicy)
      errors.push(invalid('preemptionPolicy', next.preemptionPolicy, 'field is immutable'));
    return errors;
  },
  columns: [
    nameColumn,
    column('Value', 'Priority of pods of this class.', ({ value }) => value, 'integer'),
    column(
      'Global-Default',
      'Whether pods without a class are of this one.',
      ({ globalDefault }) => globalDefault ?? false,
      'boolean',
    ),
    ageColumn,
    column(
      'PreemptionPolicy',
      'Whether pods of this class evict lesser ones.',
      ({ preemptionPolicy }) => preemptionPolicy ?? '',
    ),
  ],
};

export const runtimeClassRules: KindRules<RuntimeClass> = {
  type: runtimeclasses,
  setDefaults({ overhead }) {
    if (overhead?.podFixed !== undefined) roundToMillis(overhead.podFixed);
  },
  validate({ handler, scheduling }) {
    const errors = dnsLabelProblems(handler).map((problem) => invalid('handler', handler, problem));
    return [...errors, ...validateTolerations(scheduling?.tolerations ?? [], 'scheduling.tolerations')];
  },
  validateUpdate: (next, current) =>
    next.handler === current.handler ? [] : [invalid('handler', next.handler, 'field is immutable')],
  columns: [nameColumn, column('Handler', 'The runtime configuration.', ({ handler }) => handler), ageColumn],
};

function setWebhookDefaults(webhook: ValidatingWebhook | MutatingWebhook): void {
  webhook.failurePolicy ??= 'Fail';
  webhook.matchPolicy ??= 'Equivalent';
  webhook.namespaceSelector ??= {};
  webhook.objectSelector ??= {};
  webhook.timeoutSeconds ??= 10;
  if ('reinvocationPolicy' in webhook) webhook.reinvocationPolicy ??= 'Never';
  if (webhook.clientConfig.service !== undefined) webhook.clientConfig.service.port ??= 443;
  for (const rule of webhook.rules ?? []) rule.scope ??= '*';
}

const webhookCount = (object: { readonly webhooks?: readonly unknown[] | undefined }): number =>
  (object.webhooks ?? []).length;

export const validatingWebhookRules: KindRules<ValidatingWebhookConfiguration> = {
  type: validatingwebhookconfigurations,
  countsGeneration: true,
  setDefaults({ webhooks }) {
    for (const webhook of webhooks ?? []) setWebhookDefaults(webhook);
  },
  columns: [nameColumn, column('Webhooks', 'How many there are.', webhookCount, 'integer'), ageColumn],
};

export const mutatingWebhookRules: KindRules<MutatingWebhookConfiguration> = {
  type: mutatingwebhookconfigurations,
  countsGeneration: true,
  setDefaults({ webhooks }) {
    for (const webhook of webhooks ?? []) {
      setWebhookDefaults(webhook);
      webhook.reinvocationPolicy ??= 'Never';
    }
  },
  columns: [nameColumn, column('Webhooks', 'How many there are.', webhookCount, 'integer'), ageColumn],
};
