import { describe, expect, it } from 'vitest';
import { Judge } from '../../test/support/judged.ts';

const judge = new Judge('batch', 'v1', 'cronjobs');
const template = { spec: { containers: [{ name: 'c', image: 'i' }], restartPolicy: 'Never' } };
const jobTemplate = { spec: { template } };
const good = { schedule: '* * * * *', jobTemplate };
const noZone = 'cannot use TZ or CRON_TZ in schedule, use timeZone field instead';

describe('CronJobs', () => {
  it.each<[object, string[]]>([
    [{ schedule: '' }, ['spec.schedule: Required value']],
    [
      { schedule: 'TZ=UTC 0 * * * *', timeZone: 'UTC' },
      [`spec.schedule: Invalid value: "TZ=UTC 0 * * * *": ${noZone}`],
    ],
    [
      { schedule: 'CRON_TZ=Mars/Base 0 * * * *' },
      [
        'spec.schedule: Invalid value: "CRON_TZ=Mars/Base 0 * * * *": provided bad location Mars/Base: unknown time zone Mars/Base',
        `spec.schedule: Invalid value: "CRON_TZ=Mars/Base 0 * * * *": ${noZone}`,
      ],
    ],
    [{ timeZone: '' }, ['spec.timeZone: Invalid value: "": timeZone must be nil or non-empty string']],
    [{ timeZone: '+01' }, ['spec.timeZone: Invalid value: "+01": unknown time zone +01']],
    [{ timeZone: 'a/../b' }, ['spec.timeZone: Invalid value: "a/../b": unknown time zone a/../b']],
    [
      { timeZone: 'Local' },
      [
        'spec.timeZone: Invalid value: "Local": timeZone must be an explicit time zone as defined in https://www.iana.org/time-zones',
      ],
    ],
    [
      { concurrencyPolicy: 'Bad', startingDeadlineSeconds: -1, failedJobsHistoryLimit: -2 },
      [
        'spec.startingDeadlineSeconds: Invalid value: -1: must be greater than or equal to 0',
        'spec.concurrencyPolicy: Unsupported value: "Bad": supported values: "Allow", "Forbid", "Replace"',
        'spec.failedJobsHistoryLimit: Invalid value: -2: must be greater than or equal to 0',
      ],
    ],
    [
      { jobTemplate: { spec: { template, selector: { matchLabels: { a: 'b' } }, manualSelector: true } } },
      [
        'spec.jobTemplate.spec.selector: Invalid value: {"matchLabels":{"a":"b"}}: `selector` will be auto-generated',
        'spec.jobTemplate.spec.manualSelector: Unsupported value: true: supported values: "nil", "false"',
      ],
    ],
  ])('refuse %j', (part, expected) => {
    expect(judge.ofNew({ spec: { ...good, ...part } })).toEqual(expected);
  });

  it('are told of a failure policy without codes', () => {
    const rule = { action: 'FailJob', onExitCodes: { operator: 'In', values: null } };
    const spec = { template, podFailurePolicy: { rules: [rule] } };
    expect(judge.ofNew({ spec: { ...good, jobTemplate: { spec } } })).toEqual([
      'spec.jobTemplate.spec.podFailurePolicy.rules[0].onExitCodes.values: Invalid value: []: at least one value is required',
    ]);
  });

  it('have room for the end of their jobs’ names, unless they are older', () => {
    const metadata = { name: 'x'.repeat(53) };
    expect(judge.ofNew({ metadata, spec: good })).toEqual([
      `metadata.name: Invalid value: "${metadata.name}": must be no more than 52 characters`,
    ]);
    expect(judge.ofChange({ metadata, spec: good }, { metadata, spec: { ...good, suspend: true } })).toEqual(
      [],
    );
  });

  it('keep a zone in the schedule, and one that is unknown today', () => {
    const zoned = { ...good, schedule: 'TZ=UTC 0 * * * *' };
    const strange = { ...good, timeZone: 'Mars/Base' };
    expect(judge.ofChange({ spec: zoned }, { spec: { ...zoned, suspend: true } })).toEqual([]);
    expect(judge.ofChange({ spec: strange }, { spec: { ...strange, suspend: true } })).toEqual([]);
    expect(judge.ofChange({ spec: zoned }, { spec: { ...zoned, timeZone: 'UTC' } })).toEqual([
      'spec.schedule: Invalid value: "TZ=UTC 0 * * * *": cannot use both timeZone field and TZ or CRON_TZ in schedule',
    ]);
  });
});
