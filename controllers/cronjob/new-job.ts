import type { CronJob, Job } from '../../api/generated/batch-v1.ts';
import { cronjobs } from '../../api/generated/resources.ts';
import type { NewObject } from '../../api/kind-info.ts';
import { toTime } from '../../base/clock.ts';
import { toControllerReference } from '../ownership.ts';

const scheduledTimeKey = 'batch.kubernetes.io/cronjob-scheduled-timestamp';
const minuteMs = 60_000;

/** One name for each minute: two attempts at the same start make one Job. */
export function jobNameOf({ metadata }: CronJob, dueMs: number): string {
  return `${metadata.name}-${Math.floor(dueMs / minuteMs)}`;
}

export function newJob(cronJob: CronJob, dueMs: number): NewObject<Job> {
  const { metadata, spec } = cronJob.spec.jobTemplate;
  return {
    apiVersion: 'batch/v1',
    kind: 'Job',
    metadata: {
      name: jobNameOf(cronJob, dueMs),
      namespace: cronJob.metadata.namespace,
      labels: metadata?.labels,
      annotations: {
        ...metadata?.annotations,
        [scheduledTimeKey]: toZonedTime(dueMs, cronJob.spec.timeZone),
      },
      ownerReferences: [toControllerReference(cronjobs, cronJob)],
    },
    spec: spec ?? { template: {} },
  };
}

/** RFC 3339 with the zone's offset. */
export function toZonedTime(atMs: number, timeZone: string | undefined): string {
  if (timeZone === undefined) return toTime(atMs);
  const format = new Intl.DateTimeFormat('en-US', { timeZone, timeZoneName: 'longOffset' });
  const name = format.formatToParts(atMs).find(({ type }) => type === 'timeZoneName')?.value ?? '';
  const [, sign = '', hours = '', minutes = ''] = /^GMT([+-])(\d\d):(\d\d)/.exec(name) ?? [];
  if (sign === '') return toTime(atMs);
  const offsetMs = (Number(hours) * 60 + Number(minutes)) * minuteMs * (sign === '-' ? -1 : 1);
  return `${toTime(atMs + offsetMs).slice(0, -1)}${sign}${hours}:${minutes}`;
}
