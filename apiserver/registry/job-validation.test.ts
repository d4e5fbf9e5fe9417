import { describe, expect, it } from 'vitest';
import type { Job, JobSpec, JobStatus } from '../../api/generated/batch-v1.ts';
import { firstCommonIndex, readIndexes } from './completion-indexes.ts';
import { generatedLabels, validateJob, validateJobUpdate } from './job-spec-validation.ts';
import { validateJobStatus } from './job-status-validation.ts';
import { setTemplateDefaults } from './pod-spec-defaults.ts';
import type { FieldError } from './strategy.ts';

const uid = '11111111-2222-3333-4444-555555555555';
const started = '2026-01-01T00:00:00Z';

function aJob(spec: Partial<JobSpec> = {}, status: JobStatus = {}, name = 'job'): Job {
  const metadata = { name, namespace: 'default', uid, creationTimestamp: started, resourceVersion: '1' };
  const labels = generatedLabels({ metadata });
  const template = {
    metadata: { labels },
    spec: { restartPolicy: 'Never', containers: [{ name: 'c', image: 'x' }] },
  };
  setTemplateDefaults(template);
  const selector = { matchLabels: { 'batch.kubernetes.io/controller-uid': uid } };
  return {
    apiVersion: 'batch/v1',
    kind: 'Job',
    metadata,
    spec: { parallelism: 1, selector, template, ...spec },
    status,
  };
}

const said = (errors: readonly FieldError[]): string[] =>
  errors.map(({ field, message }) => `${field}: ${message}`);
const condition = (type: string, status = 'True') => ({ type, status });

describe('a Job', () => {
  const indexed = { completionMode: 'Indexed', completions: 4 };
  const never = { template: aJob().spec?.template ?? {} };
  const rule = { action: 'FailJob', onExitCodes: { operator: 'In', values: [1] } };
  const withRule = (changes: object): Partial<JobSpec> => ({
    podFailurePolicy: { rules: [{ ...rule, ...changes }] },
  });
  const exitCodes = (values: number[], more = {}): Partial<JobSpec> =>
    withRule({ onExitCodes: { operator: 'In', values, ...more } });
  const first = 'spec.podFailurePolicy.rules[0]';
  const success = 'spec.successPolicy.rules[0]';

  it.each<[Partial<JobSpec>, string[]]>([
    [{}, []],
    [never, []],
    [withRule({}), []],
    [
      withRule({ action: 'Fail' }),
      [
        `${first}.action: Unsupported value: "Fail": supported values: "Count", "FailIndex", "FailJob", "Ignore"`,
      ],
    ],
    [
      withRule({ action: 'FailIndex' }),
      [`${first}.action: Invalid value: "FailIndex": requires the backoffLimitPerIndex to be set`],
    ],
    [exitCodes([0]), [`${first}.onExitCodes.values[0]: Invalid value: 0: must not be 0 for the In operator`]],
    [
      exitCodes([2, 1, 2]),
      [
        `${first}.onExitCodes.values[2]: Duplicate value: 2`,
        `${first}.onExitCodes.values: Invalid value: [2,1,2]: must be ordered`,
      ],
    ],
    [exitCodes([]), [`${first}.onExitCodes.values: Invalid value: []: at least one value is required`]],
    [
      exitCodes([1], { containerName: 'd' }),
      [
        `${first}.onExitCodes.containerName: Invalid value: "d": must be one of the container or initContainer names in the pod template`,
      ],
    ],
    [
      withRule({ onExitCodes: undefined }),
      [`${first}: Invalid value: specifying one of OnExitCodes and OnPodConditions is required`],
    ],
    [
      withRule({ onPodConditions: [{ type: 'A', status: 'No' }] }),
      [
        `${first}.onPodConditions[0].status: Unsupported value: "No": supported values: "False", "True", "Unknown"`,
        `${first}: Invalid value: specifying both OnExitCodes and OnPodConditions is not supported`,
      ],
    ],
    [
      { ...withRule({}), podReplacementPolicy: 'TerminatingOrFailed' },
      ['spec.podReplacementPolicy: Unsupported value: "TerminatingOrFailed": supported values: "Failed"'],
    ],
    [
      { maxFailedIndexes: 1 },
      [
        'spec.backoffLimitPerIndex: Required value: when maxFailedIndexes is specified',
        'spec.maxFailedIndexes: Invalid value: 1: requires indexed completion mode',
      ],
    ],
    [
      { ...indexed, backoffLimitPerIndex: 1, maxFailedIndexes: 5 },
      ['spec.maxFailedIndexes: Invalid value: 5: must be less than or equal to completions'],
    ],
    [
      { ...indexed, completions: 100_001, backoffLimitPerIndex: 1 },
      ['spec.maxFailedIndexes: Required value: must be specified when completions is above 100000'],
    ],
    [
      { managedBy: 'mine' },
      ['spec.managedBy: Invalid value: "mine": must be a domain-prefixed path (such as "acme.io/foo")'],
    ],
    [{ ...indexed, successPolicy: { rules: [{ succeededIndexes: '0-1,3', succeededCount: 2 }] } }, []],
    [
      { ...indexed, successPolicy: { rules: [] } },
      [
        'spec.successPolicy.rules: Required value: at least one rules must be specified when the successPolicy is specified',
      ],
    ],
    [
      { ...indexed, successPolicy: { rules: [{}] } },
      [`${success}: Required value: at least one of succeededCount or succeededIndexes must be specified`],
    ],
    [
      { ...indexed, successPolicy: { rules: [{ succeededIndexes: '0-4' }] } },
      [
        `${success}.succeededIndexes: Invalid value: "0-4": error parsing succeededIndexes: too large index: "4"`,
      ],
    ],
    [
      { ...indexed, successPolicy: { rules: [{ succeededIndexes: '1', succeededCount: 2 }] } },
      [
        `${success}.succeededCount: Invalid value: 2: must be less than or equal to 1 (the number of indexes in the specified succeededIndexes field)`,
      ],
    ],
  ])('%j is judged as Kubernetes does', (spec, expected) => {
    expect(said(validateJob(aJob(spec)))).toEqual(expected);
  });

  it('keeps labels that say otherwise, and is refused for them', () => {
    const job = aJob();
    const labels = { ...job.spec?.template.metadata?.labels, 'job-name': 'other' };
    const template = { ...job.spec?.template, metadata: { labels } };
    expect(said(validateJob(aJob({ template })))[0]).toMatch(
      /^spec\.template\.metadata\.labels\[job-name\]: Invalid value: .*: must be 'job'$/,
    );
  });

  it('whose pods could not have their hostnames is refused', () => {
    const name = 'a'.repeat(62);
    expect(said(validateJob(aJob({ ...indexed, completions: 11 }, {}, name)))).toContain(
      `metadata.name: Invalid value: "${name}": will not able to create pod with invalid DNS label: ${name}-10`,
    );
  });
});

describe('an update of a Job', () => {
  const base = aJob().spec?.template;
  const moved = {
    ...base,
    spec: { ...base?.spec, nodeSelector: { a: 'b' }, containers: base?.spec?.containers ?? [] },
  };
  const renamed = { ...base, spec: { ...base?.spec, containers: [{ name: 'd', image: 'x' }] } };

  it.each<[string, Job, Partial<JobSpec>, string[]]>([
    ['running', aJob({}, { startTime: started }), { template: moved }, ['spec.template']],
    ['suspended before its start', aJob({ suspend: true }), { suspend: true, template: moved }, []],
    ['suspended before its start', aJob({ suspend: true }), { template: renamed }, ['spec.template']],
    [
      'suspended later',
      aJob({ suspend: true }, { startTime: started, conditions: [condition('Suspended')] }),
      { suspend: true, template: moved },
      [],
    ],
    [
      'that is about to be suspended',
      aJob({ suspend: true }, { startTime: started }),
      { template: moved },
      ['spec.template'],
    ],
    ['of a count', aJob({ completions: 2 }), { completions: 3 }, ['spec.completions']],
    [
      'with indexes, alone',
      aJob({ completionMode: 'Indexed', completions: 2 }),
      { completionMode: 'Indexed', completions: 3 },
      ['spec.completions'],
    ],
    [
      'with indexes, together',
      aJob({ completionMode: 'Indexed', completions: 2 }),
      { completionMode: 'Indexed', completions: 3, parallelism: 3 },
      [],
    ],
    ['of another', aJob({ managedBy: 'a.io/b' }), { managedBy: 'a.io/c' }, ['spec.managedBy']],
  ])('%s', (_, current, changes, fields) => {
    expect(validateJobUpdate(aJob(changes), current).map(({ field }) => field)).toEqual(fields);
  });
});

describe('the status of a Job', () => {
  const running = aJob({}, { startTime: started, active: 1, failed: 2 });
  const ended = {
    startTime: started,
    completionTime: started,
    failed: 2,
    conditions: [condition('SuccessCriteriaMet'), condition('Complete')],
  };
  const inSpec = (spec: Partial<JobSpec>, status: JobStatus): Job => aJob(spec, status);
  const byIndex = { completionMode: 'Indexed', completions: 4, backoffLimitPerIndex: 1 };

  it.each<[JobStatus, string[]]>([
    [{ startTime: started, active: 2, ready: 1, failed: 2 }, []],
    [ended, []],
    [
      { startTime: '2026-01-02T00:00:00Z', failed: 2 },
      [
        'status.startTime: Invalid value: "2026-01-02T00:00:00Z": field is immutable for unsuspended job once set',
      ],
    ],
    [
      { startTime: started, failed: 1 },
      ['status.failed: Invalid value: 1: cannot decrease the failed counter'],
    ],
    [
      { startTime: started, failed: 2, active: 1, ready: 2 },
      ['status.ready: Invalid value: 2: cannot set more ready pods than active'],
    ],
    [
      { ...ended, conditions: [condition('Complete')] },
      [
        'status.conditions: Invalid value: cannot set Complete=True condition without the SuccessCriteriaMet=true condition',
      ],
    ],
    [
      { ...ended, completionTime: undefined },
      ['status.completionTime: Required value: completionTime is required for Complete jobs'],
    ],
    [
      { ...ended, completionTime: '2025-01-01T00:00:00Z' },
      [
        'status.completionTime: Invalid value: "2025-01-01T00:00:00Z": completionTime cannot be set before startTime',
      ],
    ],
    [
      { startTime: started, failed: 2, conditions: [condition('Failed')] },
      [
        'status.conditions: Invalid value: cannot set Failed=True condition without the FailureTarget=true condition',
      ],
    ],
    [
      { ...ended, active: 1, terminating: 1, uncountedTerminatedPods: { failed: ['u'] } },
      [
        'status.active: Invalid value: 1: active>0 is invalid for finished job',
        'status.uncountedTerminatedPods: Invalid value: {"failed":["u"]}: uncountedTerminatedPods needs to be empty for finished job',
        'status.terminating: Invalid value: 1: terminating>0 is invalid for finished job',
      ],
    ],
    [
      { startTime: started, failed: 2, completedIndexes: '0' },
      [
        'status.completedIndexes: Invalid value: "0": cannot set non-empty completedIndexes when non-indexed completion mode',
      ],
    ],
  ])('%j after a running one', (status, expected) => {
    expect(said(validateJobStatus(aJob({}, status), running))).toEqual(expected);
  });

  it('is not taken back', () => {
    expect(said(validateJobStatus(running, aJob({}, ended)))).toEqual([
      'status.conditions: Invalid value: cannot disable the terminal Complete=True condition',
      'status.conditions: Invalid value: cannot disable the SuccessCriteriaMet=True condition',
    ]);
  });

  it('starts anew when the Job is resumed', () => {
    const before = inSpec({}, { startTime: started, conditions: [condition('Suspended')] });
    const resumed = { startTime: '2026-01-02T00:00:00Z', conditions: [condition('Suspended', 'False')] };
    expect(validateJobStatus(inSpec({}, resumed), before)).toEqual([]);
  });

  it('has an index in one of both sets', () => {
    const next = inSpec(byIndex, { completedIndexes: '0-2', failedIndexes: '2,3' });
    expect(said(validateJobStatus(next, inSpec(byIndex, {})))).toEqual([
      'status.failedIndexes: Invalid value: "2,3": failedIndexes and completedIndexes overlap at index: 2',
    ]);
  });

  it('that broke a rule before may change otherwise', () => {
    const broken = { startTime: started, active: 1, ready: 3 };
    expect(validateJobStatus(aJob({}, { ...broken, succeeded: 1 }), aJob({}, broken))).toEqual([]);
  });
});

describe('completion indexes', () => {
  it.each([
    ['', { count: 0 }],
    ['0,2-3', { count: 3 }],
    ['3-3', { problem: 'non-increasing order, previous: 3, current: 3' }],
    ['1,1', { problem: 'non-increasing order, previous: 1, current: 1' }],
    ['a', { problem: 'cannot convert string to integer for index: "a"' }],
    ['9', { problem: 'too large index: "9"' }],
    [
      '1-2-3',
      {
        problem: `the fragment "1-2-3" violates the requirement that an index interval can have at most two parts separated by '-'`,
      },
    ],
  ])('%s', (text, expected) => {
    expect(readIndexes(text, 5)).toEqual(expected);
  });

  it('of two sets meet at the smallest of both', () => {
    expect(firstCommonIndex('0,4-6', '1-2,5', 9)).toBe(5);
    expect(firstCommonIndex('0,4', '1-2,5', 9)).toBeUndefined();
  });
});
