import { isDeepStrictEqual } from 'node:util';
import type { Job, JobStatus } from '../../api/generated/batch-v1.ts';
import { firstCommonIndex, readIndexes } from './completion-indexes.ts';
import { duplicate, invalid, required } from './field-error.ts';
import { validateNonNegative } from './probe-validation.ts';
import type { FieldError } from './strategy.ts';

/**
 * Whoever writes a Job's status keeps to what clients rely on: what has ended stays ended, counters go up, and a status
 * does not contradict itself. A rule is applied when something that it is about changes, so that a status which came to
 * contradict a changed spec can still be written.
 */
export const hasCondition = (job: Job, type: string): boolean =>
  (job.status?.conditions ?? []).some((condition) => condition.type === type && condition.status === 'True');

const isFinished = (job: Job): boolean => hasCondition(job, 'Complete') || hasCondition(job, 'Failed');

const wrongConditions = (detail: string): FieldError => ({
  reason: 'FieldValueInvalid',
  field: 'status.conditions',
  message: `Invalid value: ${detail}`,
});

/** What a rule looks at: does any of it differ? */
class Change {
  readonly next: Job;
  readonly current: Job;
  readonly status: JobStatus;
  readonly old: JobStatus;

  constructor(next: Job, current: Job) {
    this.next = next;
    this.current = current;
    this.status = next.status ?? {};
    this.old = current.status ?? {};
  }

  of(...names: readonly (keyof JobStatus)[]): boolean {
    return names.some((name) => !isDeepStrictEqual(this.status[name], this.old[name]));
  }

  ofCondition(...types: readonly string[]): boolean {
    return types.some((type) => hasCondition(this.next, type) !== hasCondition(this.current, type));
  }

  get ofEnd(): boolean {
    return isFinished(this.next) !== isFinished(this.current);
  }
}

export function validateJobStatus(next: Job, current: Job): FieldError[] {
  const change = new Change(next, current);
  return [
    ...validateCounts(change),
    ...validateEnds(change),
    ...validateIndexes(change),
    ...validatePods(change),
    ...validateSuccess(change),
    ...validateHistory(change),
  ];
}

function validateCounts({ status }: Change): FieldError[] {
  const names = ['active', 'succeeded', 'failed', 'ready', 'terminating'] as const;
  const errors = names.flatMap((name) => validateNonNegative(status[name], `status.${name}`));
  const seen = new Set<string>();
  for (const name of ['succeeded', 'failed'] as const)
    for (const [index, uid] of (status.uncountedTerminatedPods?.[name] ?? []).entries()) {
      const field = `status.uncountedTerminatedPods.${name}[${index}]`;
      if (uid === '') errors.push(invalid(field, uid, 'must not be empty'));
      else if (seen.has(uid)) errors.push(duplicate(field, uid));
      seen.add(uid);
    }
  return errors;
}

function validateEnds(change: Change): FieldError[] {
  const { next, status } = change;
  const errors: FieldError[] = [];
  const isComplete = hasCondition(next, 'Complete');
  const { startTime, completionTime } = status;
  if (change.ofCondition('Complete', 'Failed') && isComplete && hasCondition(next, 'Failed'))
    errors.push(wrongConditions('cannot set Complete=True and Failed=true conditions'));
  if (change.ofCondition('Complete', 'FailureTarget') && isComplete && hasCondition(next, 'FailureTarget'))
    errors.push(wrongConditions('cannot set Complete=True and FailureTarget=true conditions'));
  if (change.ofCondition('Complete') || change.of('completionTime')) {
    const field = 'status.completionTime';
    if (completionTime !== undefined && !isComplete)
      errors.push(
        invalid(field, completionTime, 'cannot set completionTime when there is no Complete=True condition'),
      );
    if (completionTime === undefined && isComplete)
      errors.push(required(field, 'completionTime is required for Complete jobs'));
  }
  if (change.of('startTime', 'completionTime') && startTime !== undefined && completionTime !== undefined)
    if (Date.parse(completionTime) < Date.parse(startTime))
      errors.push(
        invalid('status.completionTime', completionTime, 'completionTime cannot be set before startTime'),
      );
  if (change.ofCondition('Failed', 'FailureTarget'))
    if (hasCondition(next, 'Failed') && !hasCondition(next, 'FailureTarget'))
      errors.push(
        wrongConditions('cannot set Failed=True condition without the FailureTarget=true condition'),
      );
  if (change.ofCondition('Complete', 'SuccessCriteriaMet'))
    if (isComplete && !hasCondition(next, 'SuccessCriteriaMet'))
      errors.push(
        wrongConditions('cannot set Complete=True condition without the SuccessCriteriaMet=true condition'),
      );
  return errors;
}

function validateIndexes(change: Change): FieldError[] {
  const errors: FieldError[] = [];
  const { completedIndexes: completed = '', failedIndexes: failed } = change.status;
  const { completions, completionMode, backoffLimitPerIndex } = change.next.spec ?? {};
  const refuse = (name: 'completedIndexes' | 'failedIndexes', detail: string): void => {
    errors.push(invalid(`status.${name}`, change.status[name], detail));
  };
  if (change.of('completedIndexes')) {
    const read = readIndexes(completed, completions ?? Number.POSITIVE_INFINITY);
    if (completions !== undefined && 'problem' in read)
      refuse('completedIndexes', `error parsing completedIndexes: ${read.problem}`);
    if (completed !== '' && completionMode !== 'Indexed')
      refuse('completedIndexes', 'cannot set non-empty completedIndexes when non-indexed completion mode');
  }
  if (change.of('failedIndexes') && failed !== undefined) {
    const read = readIndexes(failed, completions ?? Number.POSITIVE_INFINITY);
    if (completions !== undefined && backoffLimitPerIndex !== undefined && 'problem' in read)
      refuse('failedIndexes', `error parsing failedIndexes: ${read.problem}`);
    if (backoffLimitPerIndex === undefined)
      refuse('failedIndexes', 'cannot set non-null failedIndexes when backoffLimitPerIndex is null');
  }
  if (!change.of('completedIndexes', 'failedIndexes') || failed === undefined || completions === undefined)
    return errors;
  const common = firstCommonIndex(completed, failed, completions);
  if (common !== undefined)
    refuse('failedIndexes', `failedIndexes and completedIndexes overlap at index: ${common}`);
  return errors;
}

function validatePods(change: Change): FieldError[] {
  const errors: FieldError[] = [];
  const { status } = change;
  const { active = 0, ready, terminating, uncountedTerminatedPods: uncounted } = status;
  if (isFinished(change.next)) {
    const isNew = change.ofEnd;
    if ((isNew || change.of('active')) && active > 0)
      errors.push(invalid('status.active', active, 'active>0 is invalid for finished job'));
    if ((isNew || change.of('startTime')) && status.startTime === undefined)
      errors.push(required('status.startTime', 'startTime is required for finished job'));
    const open = (uncounted?.failed ?? []).length + (uncounted?.succeeded ?? []).length;
    if ((isNew || change.of('uncountedTerminatedPods')) && open > 0)
      errors.push(
        invalid(
          'status.uncountedTerminatedPods',
          uncounted,
          'uncountedTerminatedPods needs to be empty for finished job',
        ),
      );
    if ((isNew || change.of('terminating')) && (terminating ?? 0) > 0)
      errors.push(invalid('status.terminating', terminating, 'terminating>0 is invalid for finished job'));
  }
  if (change.of('ready', 'active') && ready !== undefined && ready > active)
    errors.push(invalid('status.ready', ready, 'cannot set more ready pods than active'));
  return errors;
}

function validateSuccess({ next }: Change): FieldError[] {
  const errors: FieldError[] = [];
  const isMet = hasCondition(next, 'SuccessCriteriaMet');
  if (isMet && hasCondition(next, 'Failed'))
    errors.push(wrongConditions('cannot set SuccessCriteriaMet=True and Failed=true conditions'));
  if (isMet && hasCondition(next, 'FailureTarget'))
    errors.push(wrongConditions('cannot set SuccessCriteriaMet=True and FailureTarget=true conditions'));
  if (next.spec?.successPolicy !== undefined && !isMet && hasCondition(next, 'Complete'))
    errors.push(
      wrongConditions('cannot set Complete=True for Job with SuccessPolicy unless SuccessCriteriaMet=True'),
    );
  return errors;
}

/** What was said is not taken back. */
function validateHistory(change: Change): FieldError[] {
  const { next, current, status, old } = change;
  const errors: FieldError[] = [];
  for (const type of ['Failed', 'Complete', 'FailureTarget'])
    if (hasCondition(current, type) && !hasCondition(next, type))
      errors.push(wrongConditions(`cannot disable the terminal ${type}=True condition`));
  const { completionMode, completions, parallelism } = next.spec ?? {};
  /** Such a Job is scaled down by both. */
  const mayShrink = completionMode === 'Indexed' && completions === parallelism;
  for (const name of ['failed', 'succeeded'] as const)
    if ((status[name] ?? 0) < (old[name] ?? 0) && !(name === 'succeeded' && mayShrink))
      errors.push(invalid(`status.${name}`, status[name] ?? 0, `cannot decrease the ${name} counter`));
  if (status.completionTime !== undefined && old.completionTime !== undefined && change.of('completionTime'))
    errors.push(invalid('status.completionTime', status.completionTime, 'completionTime cannot be mutated'));
  const isResuming = hasCondition(current, 'Suspended') && !hasCondition(next, 'Suspended');
  if (old.startTime !== undefined && change.of('startTime') && next.spec?.suspend !== true && !isResuming)
    errors.push(
      invalid('status.startTime', status.startTime, 'field is immutable for unsuspended job once set'),
    );
  if (hasCondition(current, 'SuccessCriteriaMet') && !hasCondition(next, 'SuccessCriteriaMet'))
    errors.push(wrongConditions('cannot disable the SuccessCriteriaMet=True condition'));
  return errors;
}
