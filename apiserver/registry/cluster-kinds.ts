import type {
  MutatingWebhook,
  MutatingWebhookConfiguration,
  ValidatingWebhook,
  ValidatingWebhookConfiguration,
} from '../../api/generated/admissionregistration-v1.ts';
import type { Toleration } from '../../api/generated/core-v1.ts';
import type { RuntimeClass } from '../../api/generated/node-v1.ts';
import {
  mutatingwebhookconfigurations,
  priorityclasses,
  runtimeclasses,
  validatingwebhookconfigurations,
} from '../../api/generated/resources.ts';
import type { PriorityClass } from '../../api/generated/scheduling-v1.ts';
import { ageColumn, column, nameColumn } from './columns.ts';
import { duplicate, forbidden, invalid, required, unsupported } from './field-error.ts';
import type { KindRules } from './kind-rules.ts';
import { dnsLabelProblems } from './names.ts';
import { validateLabels } from './object-meta.ts';
import { roundToMillis } from './pod-spec-defaults.ts';
import { validateTolerations } from './pod-spec-validation.ts';
import { validateResources } from './resource-validation.ts';
import type { FieldError } from './strategy.ts';
import { validateWebhooks } from './webhook-validation.ts';

const highestUserPriority = 1_000_000_000;
const systemPrefix = 'system-';
const systemClasses: ReadonlyMap<string, number> = new Map([
  ['system-node-critical', 2_000_001_000],
  ['system-cluster-critical', 2_000_000_000],
]);

/** The two that there are, as they are. */
function validateSystemClass({ metadata, value, globalDefault }: PriorityClass): FieldError[] {
  const name = metadata.name ?? '';
  const known = systemClasses.get(name);
  let problem: string | undefined;
  if (known === undefined) problem = `${name} is not a known system priority class`;
  else if (known !== value) problem = `value of ${name} PriorityClass must be ${known}`;
  else if (globalDefault === true) problem = `globalDefault of ${name} PriorityClass must be false`;
  const start = "priority class names with 'system-' prefix are reserved for system use only. error: ";
  return problem === undefined ? [] : [forbidden('metadata.name', start + problem)];
}

export const priorityClassRules: KindRules<PriorityClass> = {
  type: priorityclasses,
  setDefaults(priorityClass) {
    priorityClass.preemptionPolicy ??= 'PreemptLowerPriority';
  },
  prepareForCreate({ metadata }) {
    metadata.generation = 1;
  },
  validate: ({ preemptionPolicy = '' }) => {
    if (preemptionPolicy === '') return [required('preemptionPolicy')];
    const policies = ['PreemptLowerPriority', 'Never'];
    return policies.includes(preemptionPolicy)
      ? []
      : [unsupported('preemptionPolicy', preemptionPolicy, policies)];
  },
  validateCreate(priorityClass) {
    const { metadata, value = 0 } = priorityClass;
    if ((metadata.name ?? '').startsWith(systemPrefix)) return validateSystemClass(priorityClass);
    return value > highestUserPriority
      ? [forbidden('value', `maximum allowed value of a user defined priority is ${highestUserPriority}`)]
      : [];
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

function repeatedTolerations(tolerations: readonly Toleration[]): FieldError[] {
  const seen = new Set<string>();
  return tolerations.flatMap((toleration, index) => {
    const { key = '', operator = '', value = '', effect = '', tolerationSeconds = null } = toleration;
    const identity = JSON.stringify([key, operator, value, effect]);
    const shown = {
      Key: key,
      Operator: operator,
      Value: value,
      Effect: effect,
      TolerationSeconds: tolerationSeconds,
    };
    const repeated = seen.has(identity) ? [duplicate(`scheduling.tolerations[${index}]`, shown)] : [];
    seen.add(identity);
    return repeated;
  });
}

export const runtimeClassRules: KindRules<RuntimeClass> = {
  type: runtimeclasses,
  setDefaults({ overhead }) {
    if (overhead?.podFixed !== undefined) roundToMillis(overhead.podFixed);
  },
  allowUnconditionalUpdate: false,
  validateCreate({ handler = '', overhead, scheduling }) {
    const tolerations = scheduling?.tolerations ?? [];
    return [
      ...(handler === ''
        ? [required('handler')]
        : dnsLabelProblems(handler).map((problem) => invalid('handler', handler, problem))),
      ...validateResources({ limits: overhead?.podFixed }, 'overhead'),
      ...validateLabels(scheduling?.nodeSelector, 'scheduling.nodeSelector'),
      ...validateTolerations(tolerations, 'scheduling.tolerations'),
      ...repeatedTolerations(tolerations),
    ];
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
  allowUnconditionalUpdate: false,
  validate: ({ webhooks }, _context, current) => validateWebhooks(webhooks, current?.webhooks),
  setDefaults({ webhooks }) {
    for (const webhook of webhooks ?? []) setWebhookDefaults(webhook);
  },
  columns: [nameColumn, column('Webhooks', 'How many there are.', webhookCount, 'integer'), ageColumn],
};

export const mutatingWebhookRules: KindRules<MutatingWebhookConfiguration> = {
  type: mutatingwebhookconfigurations,
  countsGeneration: true,
  allowUnconditionalUpdate: false,
  validate: ({ webhooks }, _context, current) => validateWebhooks(webhooks, current?.webhooks),
  setDefaults({ webhooks }) {
    for (const webhook of webhooks ?? []) {
      setWebhookDefaults(webhook);
      webhook.reinvocationPolicy ??= 'Never';
    }
  },
  columns: [nameColumn, column('Webhooks', 'How many there are.', webhookCount, 'integer'), ageColumn],
};
