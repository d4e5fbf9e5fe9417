import type { Job } from '../../api/generated/batch-v1.ts';
import type { Container, Pod, PodTemplateSpec } from '../../api/generated/core-v1.ts';
import { jobs } from '../../api/generated/resources.ts';
import type { NewObject } from '../../api/kind-info.ts';
import type { Random } from '../../base/random.ts';
import { podNamePrefix, toPod } from '../pod-creation.ts';
import {
  completionIndexKey,
  failureCountOf,
  ignoredFailureCountOf,
  indexFailureCountKey,
  indexIgnoredFailureCountKey,
  isCountedFailure,
  trackingFinalizer,
} from './job-pods.ts';

const indexVariable = 'JOB_COMPLETION_INDEX';

/** @param replaced the failed pod of the same index whose failures the new one carries on */
export function newJobPod(
  job: Job,
  index: number | undefined,
  replaced: Pod | undefined,
  random: Random,
): NewObject<Pod> {
  const template = withFinalizer(
    index === undefined ? job.spec.template : withIndex(job, index, failureCounts(job, replaced)),
  );
  const prefix = podNamePrefix(job.metadata.name, index === undefined ? '' : `-${index}`);
  return toPod({ type: jobs, owner: job }, template, prefix, random);
}

function withFinalizer(template: PodTemplateSpec): PodTemplateSpec {
  const finalizers = template.metadata?.finalizers ?? [];
  if (finalizers.includes(trackingFinalizer)) return template;
  return { ...template, metadata: { ...template.metadata, finalizers: [...finalizers, trackingFinalizer] } };
}

function withIndex(job: Job, index: number, counts: Record<string, string>): PodTemplateSpec {
  const { metadata, spec } = job.spec.template;
  const value = String(index);
  return {
    metadata: {
      ...metadata,
      annotations: { ...metadata?.annotations, ...counts, [completionIndexKey]: value },
      labels: { ...metadata?.labels, [completionIndexKey]: value },
    },
    spec: spec && {
      ...spec,
      hostname: `${job.metadata.name}-${index}`,
      containers: spec.containers.map(withIndexVariable),
      ...(spec.initContainers === undefined
        ? {}
        : { initContainers: spec.initContainers.map(withIndexVariable) }),
    },
  };
}

function withIndexVariable(container: Container): Container {
  if (container.env?.some(({ name }) => name === indexVariable) === true) return container;
  const fieldPath = `metadata.labels['${completionIndexKey}']`;
  const variable = { name: indexVariable, valueFrom: { fieldRef: { fieldPath } } };
  return { ...container, env: [...(container.env ?? []), variable] };
}

function failureCounts(job: Job, replaced: Pod | undefined): Record<string, string> {
  if (job.spec.backoffLimitPerIndex === undefined) return {};
  const before = replaced === undefined ? 0 : failureCountOf(replaced);
  const ignoredBefore = replaced === undefined ? 0 : ignoredFailureCountOf(replaced);
  const counts = replaced !== undefined && isCountedFailure(replaced, job);
  const ignored = ignoredBefore + (replaced !== undefined && !counts ? 1 : 0);
  return {
    [indexFailureCountKey]: String(before + (counts ? 1 : 0)),
    ...(ignored === 0 ? {} : { [indexIgnoredFailureCountKey]: String(ignored) }),
  };
}
