import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Job, JobSpec } from '../../api/generated/batch-v1.ts';
import type { Pod } from '../../api/generated/core-v1.ts';
import { cronjobs, events, jobs, pods } from '../../api/generated/resources.ts';
import { isNotFound } from '../../api/status-error.ts';
import type { ApiClient } from '../../client/client.ts';
import { ControllersCluster } from '../support/controllers-cluster.ts';
import { eventually } from '../support/eventually.ts';
import { endPods, reportEnd } from '../support/pod-ends.ts';

const hosts = ['host-1', 'host-2'];
const namespace = 'default';
let cluster: ControllersCluster;
let admin: ApiClient;

/** Of a pod's label: `ok`, `fail-N`, `fail-odd` (by completion index); else it goes on. */
function exitCodeOf(pod: Pod): number | undefined {
  const ends = pod.metadata.labels?.['ends'] ?? '';
  if (ends === 'ok') return 0;
  if (ends.startsWith('fail-') && /\d$/.test(ends)) return Number(ends.slice(5));
  if (ends !== 'fail-odd') return undefined;
  return Number(pod.metadata.annotations?.['batch.kubernetes.io/job-completion-index']) % 2;
}

beforeAll(async () => {
  cluster = await ControllersCluster.start({ nodes: hosts });
  ({ admin } = cluster);
  cluster.alsoRun((signal) => endPods(admin, exitCodeOf, signal));
});

afterAll(() => cluster?.stop());

async function createJob(name: string, ends: string, spec: Partial<JobSpec> = {}): Promise<Job> {
  return admin.create(jobs, {
    apiVersion: 'batch/v1',
    kind: 'Job',
    metadata: { name, namespace },
    spec: {
      template: {
        metadata: { labels: { ends } },
        spec: { restartPolicy: 'Never', containers: [{ name: 'main', image: 'busybox' }] },
      },
      ...spec,
    },
  });
}

const podsOf = async (name: string): Promise<Pod[]> =>
  (await admin.list(pods, { namespace, labelSelector: `job-name=${name}` })).items;

async function untilJob(name: string, check: (job: Job) => void): Promise<Job> {
  return eventually(async () => {
    const job = await admin.get(jobs, { namespace, name });
    check(job);
    return job;
  });
}

const conditionsOf = ({ status }: Job): string[] =>
  (status?.conditions ?? []).map(({ type, status: is, reason }) => `${type}=${is} ${reason}`);

const untilEnd = (name: string, ...conditions: readonly string[]): Promise<Job> =>
  untilJob(name, (job) => expect(conditionsOf(job)).toEqual(conditions));

const complete = ['SuccessCriteriaMet=True CompletionsReached', 'Complete=True CompletionsReached'];
const failed = (reason: string): readonly string[] => [
  `FailureTarget=True ${reason}`,
  `Failed=True ${reason}`,
];

describe('a job', () => {
  it('runs as many pods as it needs, counts each once, and lets go of them', async () => {
    await createJob('many', 'ok', { completions: 20, parallelism: 4 });
    const { status } = await untilEnd('many', ...complete);
    expect(status).toMatchObject({ succeeded: 20, ready: 0, terminating: 0, uncountedTerminatedPods: {} });
    expect(status?.active).toBeUndefined();
    expect(status?.completionTime).toBeDefined();
    const all = await podsOf('many');
    expect(all).toHaveLength(20);
    await eventually(async () => {
      const left = (await podsOf('many')).filter(({ metadata }) => (metadata.finalizers ?? []).length > 0);
      expect(left).toEqual([]);
    });
    await eventually(async () => {
      const { items } = await admin.list(events, { namespace });
      const reasons = items.filter(({ involvedObject }) => involvedObject.name === 'many');
      expect(reasons.map(({ reason }) => reason)).toContain('Completed');
    });
  });

  it('gives each pod its index', async () => {
    await createJob('indexed', 'ok', { completions: 3, parallelism: 3, completionMode: 'Indexed' });
    const { status } = await untilEnd('indexed', ...complete);
    expect(status).toMatchObject({ succeeded: 3, completedIndexes: '0-2' });
    const [pod] = (await podsOf('indexed')).filter(
      ({ metadata }) => metadata.labels?.['batch.kubernetes.io/job-completion-index'] === '1',
    );
    expect(pod?.metadata.annotations).toMatchObject({ 'batch.kubernetes.io/job-completion-index': '1' });
    expect(pod?.metadata.name).toMatch(/^indexed-1-[a-z0-9]{5}$/);
    expect(pod?.spec.hostname).toBe('indexed-1');
    expect(pod?.spec.containers[0]?.env).toEqual([
      {
        name: 'JOB_COMPLETION_INDEX',
        valueFrom: {
          fieldRef: {
            apiVersion: 'v1',
            fieldPath: "metadata.labels['batch.kubernetes.io/job-completion-index']",
          },
        },
      },
    ]);
  });

  it('fails when too many pods have', async () => {
    await createJob('hopeless', 'fail-1', { backoffLimit: 0 });
    const { status } = await untilEnd('hopeless', ...failed('BackoffLimitExceeded'));
    expect(status).toMatchObject({ failed: 1 });
    expect(status?.completionTime).toBeUndefined();
  });

  it('fails some indexes and goes on with the others', async () => {
    await createJob('odd', 'fail-odd', {
      ...{ completions: 4, parallelism: 2, completionMode: 'Indexed', backoffLimitPerIndex: 0 },
    });
    const { status } = await untilEnd('odd', ...failed('FailedIndexes'));
    expect(status).toMatchObject({ completedIndexes: '0,2', failedIndexes: '1,3', succeeded: 2, failed: 2 });
  });

  it('fails at once on an exit code that its failure policy names', async () => {
    await createJob('ruled', 'fail-42', {
      backoffLimit: 6,
      podFailurePolicy: { rules: [{ action: 'FailJob', onExitCodes: { operator: 'In', values: [42] } }] },
    });
    const { status } = await untilEnd('ruled', ...failed('PodFailurePolicy'));
    expect(status?.conditions?.[1]?.message).toMatch(
      /^Container main for pod default\/ruled-.{5} failed with exit code 42 matching FailJob rule at index 0$/,
    );
  });

  it('succeeds early by its success policy, and ends the pods that still run', async () => {
    await createJob('leader', 'go-on', {
      ...{ completions: 3, parallelism: 3, completionMode: 'Indexed' },
      successPolicy: { rules: [{ succeededIndexes: '0' }] },
    });
    await untilJob('leader', ({ status }) => expect(status?.ready).toBe(3));
    const [leader] = (await podsOf('leader')).filter(({ metadata }) => metadata.name.startsWith('leader-0-'));
    if (leader !== undefined) await reportEnd(admin, leader, 0);
    const { status } = await untilEnd(
      'leader',
      'SuccessCriteriaMet=True SuccessPolicy',
      'Complete=True SuccessPolicy',
    );
    expect(status).toMatchObject({ succeeded: 1, completedIndexes: '0', terminating: 0 });
    await eventually(async () => expect(await podsOf('leader')).toHaveLength(1));
  });

  it('has no pods while it is suspended', async () => {
    await createJob('pause', 'go-on', { parallelism: 2, completions: 2 });
    await untilJob('pause', ({ status }) => expect(status).toMatchObject({ active: 2, ready: 2 }));
    const suspend = (is: boolean): Promise<Job> =>
      admin.patch(jobs, { namespace, name: 'pause' }, { type: 'merge', body: { spec: { suspend: is } } });
    await suspend(true);
    await untilEnd('pause', 'Suspended=True JobSuspended');
    await eventually(async () => expect(await podsOf('pause')).toHaveLength(0));
    await suspend(false);
    await untilEnd('pause', 'Suspended=False JobResumed');
    const { status } = await untilJob('pause', (job) => expect(job.status?.active).toBe(2));
    expect(status?.failed).toBeUndefined();
  });

  it('counts a pod that it adopts', async () => {
    await createJob('adopt', 'go-on');
    await untilJob('adopt', ({ status }) => expect(status?.ready).toBe(1));
    const [pod] = await podsOf('adopt');
    const name = pod?.metadata.name ?? '';
    const body = { metadata: { ownerReferences: null, finalizers: null } };
    await admin.patch(pods, { namespace, name }, { type: 'merge', body });
    await eventually(async () => {
      const { metadata } = await admin.get(pods, { namespace, name });
      expect(metadata.ownerReferences).toMatchObject([{ kind: 'Job', name: 'adopt', controller: true }]);
      expect(metadata.finalizers).toEqual(['batch.kubernetes.io/job-tracking']);
    });
    await admin.patch(
      pods,
      { namespace, name },
      { type: 'merge', body: { metadata: { labels: { ends: 'ok' } } } },
    );
    await untilEnd('adopt', ...complete);
  });

  it('is over at its deadline, with the pods that ran', async () => {
    await createJob('late', 'go-on', { activeDeadlineSeconds: 1 });
    const { status } = await untilEnd('late', ...failed('DeadlineExceeded'));
    expect(status).toMatchObject({ failed: 1 });
    await eventually(async () => expect(await podsOf('late')).toHaveLength(0));
  });

  it('counts a pod that was deleted as failed, and takes all with it when it is deleted itself', async () => {
    await createJob('gone', 'go-on', { backoffLimit: 3 });
    await untilJob('gone', ({ status }) => expect(status?.ready).toBe(1));
    const [pod] = await podsOf('gone');
    await admin.delete(pods, { namespace, name: pod?.metadata.name ?? '' });
    await untilJob('gone', ({ status }) => expect(status).toMatchObject({ failed: 1 }));
    await admin.delete(jobs, { namespace, name: 'gone' }, { propagationPolicy: 'Background' });
    await eventually(async () => expect(await podsOf('gone')).toHaveLength(0));
  });
});

describe('a finished job', () => {
  it('goes when its time to live is over', async () => {
    await createJob('brief', 'ok', { ttlSecondsAfterFinished: 1 });
    await untilEnd('brief', ...complete);
    await eventually(async () => {
      await expect(admin.get(jobs, { namespace, name: 'brief' })).rejects.toSatisfy(isNotFound);
    });
    expect(await podsOf('brief')).toEqual([]);
  });
});

describe('a cron job', () => {
  it('makes one job a minute, follows it, and takes it along when it goes', async () => {
    const { template } = (await createJob('model', 'ok', { suspend: true })).spec;
    const labels = { ends: 'ok' };
    await admin.create(cronjobs, {
      ...{ apiVersion: 'batch/v1', kind: 'CronJob', metadata: { name: 'tick', namespace } },
      spec: {
        schedule: '@every 1s',
        jobTemplate: { metadata: { labels }, spec: { template: { ...template, metadata: { labels } } } },
      },
    });
    const cronJob = await eventually(async () => {
      const found = await admin.get(cronjobs, { namespace, name: 'tick' });
      expect(found.status?.lastSuccessfulTime).toBeDefined();
      expect(found.status?.active ?? []).toEqual([]);
      return found;
    });
    const made = (await admin.list(jobs, { namespace, labelSelector: 'ends=ok' })).items.filter(
      ({ metadata }) => metadata.ownerReferences?.[0]?.uid === cronJob.metadata.uid,
    );
    expect(made[0]?.metadata.name).toMatch(/^tick-\d{8}$/);
    expect(made[0]?.metadata.annotations).toHaveProperty(['batch.kubernetes.io/cronjob-scheduled-timestamp']);
    expect(new Set(made.map(({ metadata }) => metadata.name)).size).toBe(made.length);
    await admin.delete(cronjobs, { namespace, name: 'tick' }, { propagationPolicy: 'Foreground' });
    await eventually(async () => {
      await expect(admin.get(cronjobs, { namespace, name: 'tick' })).rejects.toSatisfy(isNotFound);
    });
    const left = (await admin.list(jobs, { namespace })).items.map(({ metadata }) => metadata.name);
    expect(left.filter((name) => name.startsWith('tick-'))).toEqual([]);
  });
});
