import type { Container, Pod, PodCondition } from '../../api/generated/core-v1.ts';
import { pods } from '../../api/generated/resources.ts';
import { toTime } from '../../base/clock.ts';
import { validateImageTexts } from './container-validation.ts';
import { dropDisabledFields, dropDisabledStatusFields, refuseDisabled } from './disabled-fields.ts';
import { forbidden, invalid } from './field-error.ts';
import type { KindRules } from './kind-rules.ts';
import { mergeLabelKeys } from './label-key-merge.ts';
import { podColumns } from './pod-columns.ts';
import { qosClassOf } from './pod-qos.ts';
import {
  setHostPorts,
  setPodRequests,
  setPodSpecDefaults,
  setRequestsFromLimits,
} from './pod-spec-defaults.ts';
import { validatePodSpec } from './pod-spec-validation.ts';
import { keepObservedGenerations, validatePodStatusUpdate } from './pod-status-validation.ts';
import { validateEphemeralUpdate, validatePodUpdate, validateResize } from './pod-update.ts';
import { podWarnings } from './pod-warnings.ts';
import type { FieldError, WriteContext } from './strategy.ts';

function setDefaults(pod: Pod): void {
  setPodSpecDefaults(pod.spec);
  // No time at all would mean a forced deletion, which a negative one never was.
  if ((pod.spec.terminationGracePeriodSeconds ?? 0) < 0) pod.spec.terminationGracePeriodSeconds = 1;
  pod.spec.enableServiceLinks ??= true;
  for (const container of [...(pod.spec.containers ?? []), ...(pod.spec.initContainers ?? [])])
    setRequestsFromLimits(container.resources);
  setPodRequests(pod.spec);
  if (pod.spec.hostNetwork === true) setHostPorts(pod.spec);
}

function prepareForCreate(pod: Pod, context: WriteContext): void {
  pod.status = { phase: 'Pending', qosClass: qosClassOf(pod.spec) };
  if ((pod.spec.schedulingGates ?? []).length > 0) pod.status.conditions = [gated(context.nowMs)];
  dropDisabledFields(pod.spec, undefined);
  mergeLabelKeys(pod);
}

function gated(nowMs: number): PodCondition {
  const condition: PodCondition = {
    type: 'PodScheduled',
    status: 'False',
    lastTransitionTime: toTime(nowMs),
    reason: 'SchedulingGated',
    message: 'Scheduling is blocked due to non-empty scheduling gates',
  };
  return Object.assign(condition, { lastProbeTime: null });
}

/** Takes over the resources of containers, and nothing else. */
function resize(next: Pod, current: Pod): void {
  const { containers, initContainers } = next.spec;
  next.metadata = structuredClone(current.metadata);
  next.spec = { ...current.spec, containers: resizedContainers(containers, current.spec.containers) };
  if (initContainers !== undefined || current.spec.initContainers !== undefined)
    next.spec.initContainers = resizedContainers(initContainers, current.spec.initContainers);
}

/** Other names, another order or number are left for validation to refuse. */
function resizedContainers(list: readonly Container[] = [], old: readonly Container[] = []): Container[] {
  const isSame = list.length === old.length && old.every(({ name }, index) => list[index]?.name === name);
  if (!isSame) return [...list];
  return old.map((container, index) => {
    const resources = list[index]?.resources;
    return resources === undefined ? container : { ...container, resources };
  });
}

const mirrorAnnotation = 'kubernetes.io/config.mirror';

function validateMirror({ metadata, spec }: Pod): FieldError[] {
  const value = metadata.annotations?.[mirrorAnnotation];
  if (value === undefined || (spec.nodeName ?? '') !== '') return [];
  const field = `metadata.annotations[${mirrorAnnotation}]`;
  return [invalid(field, value, 'must set spec.nodeName if mirror pod annotation is set')];
}

const deletionCostAnnotation = 'controller.kubernetes.io/pod-deletion-cost';
const deletionCost = /^(?:0|-[1-9][0-9]*|[1-9][0-9]*)$/;
const maxDeletionCost = 2 ** 31;

function validateDeletionCost({ metadata }: Pod): FieldError[] {
  const value = metadata.annotations?.[deletionCostAnnotation];
  if (value === undefined) return [];
  const cost = Number(value);
  const isCost = deletionCost.test(value) && cost >= -maxDeletionCost && cost < maxDeletionCost;
  const field = `metadata.annotations[${deletionCostAnnotation}]`;
  return isCost ? [] : [invalid(field, value, 'must be a 32bit integer')];
}

/** What a pod may get later, but not come with. */
function validateNew({ spec }: Pod): FieldError[] {
  const errors: FieldError[] = [];
  if ((spec.ephemeralContainers ?? []).length > 0)
    errors.push(forbidden('spec.ephemeralContainers', 'cannot be set on create'));
  if ((spec.nodeName ?? '') !== '' && (spec.schedulingGates ?? []).length > 0)
    errors.push(forbidden('spec.nodeName', 'cannot be set until all schedulingGates have been cleared'));
  return [...errors, ...refuseDisabled(spec, 'spec')];
}

function prepareForUpdate(next: Pod, current: Pod, context: WriteContext): void {
  if (context.subresource === 'resize') resize(next, current);
  if (context.subresource === 'ephemeralcontainers') {
    const { ephemeralContainers } = next.spec;
    next.metadata = structuredClone(current.metadata);
    next.spec = { ...current.spec };
    if (ephemeralContainers === undefined) delete next.spec.ephemeralContainers;
    else next.spec.ephemeralContainers = ephemeralContainers;
  }
  if (context.subresource === 'status') {
    delete next.metadata.deletionTimestamp;
    if (current.metadata.deletionTimestamp !== undefined)
      next.metadata.deletionTimestamp = current.metadata.deletionTimestamp;
    if (current.metadata.ownerReferences === undefined) delete next.metadata.ownerReferences;
    else next.metadata.ownerReferences = current.metadata.ownerReferences;
    if (current.status?.qosClass !== undefined && next.status !== undefined)
      next.status.qosClass ??= current.status.qosClass;
    if (next.status !== undefined) {
      keepObservedGenerations(next.status, current.status ?? {});
      dropDisabledStatusFields(next.status, current.status);
    }
  } else dropDisabledFields(next.spec, current.spec);
}

const readString = (value: string | undefined): string => value ?? '';

export const podRules: KindRules<Pod> = {
  type: pods,
  countsGeneration: true,
  setDefaults,
  prepareForCreate,
  prepareForUpdate,
  validate: (pod, context) =>
    context.subresource === 'ephemeralcontainers'
      ? []
      : [
          ...validateMirror(pod),
          ...validateDeletionCost(pod),
          ...validatePodSpec(pod.spec, 'spec'),
          ...validateImageTexts(pod.spec, 'spec'),
        ],
  validateCreate: validateNew,
  validateUpdate: (next, current, context) =>
    context.subresource === 'ephemeralcontainers'
      ? validateEphemeralUpdate(next, current)
      : context.subresource === 'resize'
        ? validateResize(next, current)
        : validatePodUpdate(next, current),
  validateStatus: validatePodStatusUpdate,
  warnings: podWarnings,
  gracePeriodSeconds(pod, requested) {
    if (pod.spec.nodeName === undefined || pod.spec.nodeName === '') return 0;
    if (pod.status?.phase === 'Succeeded' || pod.status?.phase === 'Failed') return 0;
    const seconds = requested ?? pod.spec.terminationGracePeriodSeconds ?? 30;
    return seconds < 0 ? 1 : seconds;
  },
  selectableFields: {
    'spec.nodeName': (pod) => readString(pod.spec.nodeName),
    'spec.restartPolicy': (pod) => readString(pod.spec.restartPolicy),
    'spec.schedulerName': (pod) => readString(pod.spec.schedulerName),
    'spec.serviceAccountName': (pod) => readString(pod.spec.serviceAccountName),
    'spec.hostNetwork': (pod) => String(pod.spec.hostNetwork ?? false),
    'status.phase': (pod) => readString(pod.status?.phase),
    'status.podIP': (pod) => readString(pod.status?.podIP ?? pod.status?.podIPs?.[0]?.ip),
    'status.nominatedNodeName': (pod) => readString(pod.status?.nominatedNodeName),
  },
  columns: podColumns,
};
