import type { CronJob, Job } from '../../api/generated/batch-v1.ts';

const defaultSuccessful = 3;
const defaultFailed = 1;

export const finishedAs = ({ status }: Job): 'Complete' | 'Failed' | undefined =>
  (['Complete', 'Failed'] as const).find((wanted) =>
    status?.conditions?.some(({ type, status: is }) => type === wanted && is === 'True'),
  );

/** Finished Jobs beyond the limits of history, the oldest first. */
export function jobsToForget({ spec }: CronJob, jobs: readonly Job[]): readonly Job[] {
  const beyond = (state: 'Complete' | 'Failed', limit: number): readonly Job[] => {
    const finished = jobs.filter((job) => finishedAs(job) === state).sort(byStart);
    return finished.slice(0, Math.max(0, finished.length - limit));
  };
  return [
    ...beyond('Complete', spec.successfulJobsHistoryLimit ?? defaultSuccessful),
    ...beyond('Failed', spec.failedJobsHistoryLimit ?? defaultFailed),
  ];
}

function byStart(left: Job, right: Job): number {
  const start = ({ status, metadata }: Job): string => status?.startTime ?? metadata.creationTimestamp;
  return start(left).localeCompare(start(right)) || left.metadata.name.localeCompare(right.metadata.name);
}
