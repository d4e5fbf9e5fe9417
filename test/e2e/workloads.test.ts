import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { DaemonSet } from '../../api/generated/apps-v1.ts';
import type { HorizontalPodAutoscaler } from '../../api/generated/autoscaling-v2.ts';
import type { CronJob, Job } from '../../api/generated/batch-v1.ts';
import type { Pod } from '../../api/generated/core-v1.ts';
import type { PodDisruptionBudget } from '../../api/generated/policy-v1.ts';
import { eventually } from '../support/eventually.ts';
import { must, TestCluster } from './cluster.ts';

const cluster = new TestCluster({ name: 'e2ework', port: 17_401 });

beforeAll(async () => {
  await cluster.down();
  must(await cluster.up('--hosts', '2', '--no-example'), 'deploy/up');
});
afterAll(async () => {
  must(await cluster.down(), 'deploy/down');
});

const run = (...args: string[]): Promise<string> => cluster.kubectlOut(...args);
const apply = async (...objects: object[]): Promise<void> => {
  const documents = objects.map((object) => `---\n${JSON.stringify(object)}\n`).join('');
  must(await cluster.kubectl(['apply', '-f', '-'], documents), 'kubectl apply');
};
const container = (more: object = {}): object => ({
  ...{ name: 'main', image: 'nginx', imagePullPolicy: 'IfNotPresent' },
  ...more,
});
const template = (app: string, more: object = {}): object => ({
  ...{ metadata: { labels: { app } }, spec: { containers: [container(more)] } },
});
const only = async <T>(what: string): Promise<T> => {
  const [object] = await cluster.objects<T>(what);
  if (object === undefined) throw new Error(`no ${what}`);
  return object;
};
const podsOf = (label: string): Promise<Pod[]> => cluster.objects<Pod>('pods', '-l', label);

describe('jobs', () => {
  it('run to their end, and kubectl waits for it', async () => {
    await run('create', 'job', 'pi', '--image=nginx', '--', 'sh', '-c', 'echo 3.14');
    await run('wait', '--for=condition=complete', 'job/pi', '--timeout=30s');
    expect(await run('logs', 'job/pi')).toBe('3.14\n');
    expect((await run('get', 'job', 'pi', '--no-headers')).split(/\s+/).slice(0, 3)).toEqual([
      ...['pi', 'Complete', '1/1'],
    ]);
  });

  it('give each pod its index, and fail by rules about exit codes', async () => {
    const spec = (command: string): object => ({
      template: {
        spec: { restartPolicy: 'Never', containers: [container({ command: ['sh', '-c', command] })] },
      },
    });
    const policy = { rules: [{ action: 'FailJob', onExitCodes: { operator: 'In', values: [42] } }] };
    await apply(
      {
        ...{ apiVersion: 'batch/v1', kind: 'Job', metadata: { name: 'indexed' } },
        spec: {
          ...{ completions: 3, parallelism: 2, completionMode: 'Indexed' },
          ...spec('echo $JOB_COMPLETION_INDEX on $(hostname)'),
        },
      },
      {
        ...{ apiVersion: 'batch/v1', kind: 'Job', metadata: { name: 'doomed' } },
        spec: { podFailurePolicy: policy, ...spec('exit 42') },
      },
    );
    await run('wait', '--for=condition=complete', 'job/indexed', '--timeout=30s');
    const lines = (await run('logs', '-l', 'job-name=indexed')).trim().split('\n').sort();
    expect(lines).toEqual(['0 on indexed-0', '1 on indexed-1', '2 on indexed-2']);
    await run('wait', '--for=condition=failed', 'job/doomed', '--timeout=30s');
    const doomed = await only<Job>('job/doomed');
    expect(doomed.status?.conditions?.map(({ reason }) => reason)).toEqual([
      ...['PodFailurePolicy', 'PodFailurePolicy'],
    ]);
    await eventually(async () => {
      const pods = [...(await podsOf('job-name=indexed')), ...(await podsOf('job-name=doomed'))];
      expect(pods.flatMap(({ metadata }) => metadata.finalizers ?? [])).toEqual([]);
    });
    await run('delete', 'job', '--all', '--timeout=30s');
    await eventually(async () => expect(await podsOf('job-name')).toEqual([]), 30_000);
  });

  it('come from cron jobs, by schedule and by hand', async () => {
    await run('create', 'cronjob', 'tick', '--image=nginx', '--schedule=@every 1s', '--', 'true');
    await run('create', 'job', 'by-hand', '--from=cronjob/tick');
    await run('wait', '--for=condition=complete', 'job/by-hand', '--timeout=30s');
    await eventually(async () => {
      const { status } = await only<CronJob>('cronjob/tick');
      expect(status?.lastSuccessfulTime).toBeDefined();
    }, 30_000);
    await run('delete', 'cronjob', 'tick', '--timeout=30s');
  });
});

describe('a daemon set', () => {
  it('runs on every node, rolls to a new template, and back', async () => {
    const daemons = {
      ...{ apiVersion: 'apps/v1', kind: 'DaemonSet', metadata: { name: 'logs' } },
      spec: { selector: { matchLabels: { app: 'logs' } }, template: template('logs') },
    };
    await apply(daemons);
    expect(await run('rollout', 'status', 'ds/logs', '--timeout=60s')).toContain('successfully rolled out');
    const nodes = (await podsOf('app=logs')).map(({ spec }) => spec.nodeName).sort();
    expect(nodes).toEqual(['host-1', 'host-2']);
    await run('set', 'image', 'ds/logs', 'main=nginx:latest');
    await run('rollout', 'status', 'ds/logs', '--timeout=60s');
    expect(await run('rollout', 'history', 'ds/logs')).toMatch(/\n1 .*\n2 /);
    await run('rollout', 'undo', 'ds/logs');
    await run('rollout', 'status', 'ds/logs', '--timeout=60s');
    const { spec } = await only<DaemonSet>('ds/logs');
    expect(spec.template.spec?.containers[0]?.image).toBe('nginx');
    await run('delete', 'ds', 'logs', '--timeout=30s');
  });
});

describe('a stateful set', () => {
  it('has replicas in order under names of their own, also after an update and its undoing', async () => {
    const service = {
      ...{ apiVersion: 'v1', kind: 'Service', metadata: { name: 'db' } },
      spec: { clusterIP: 'None', selector: { app: 'db' }, ports: [{ port: 80 }] },
    };
    const set = {
      ...{ apiVersion: 'apps/v1', kind: 'StatefulSet', metadata: { name: 'db' } },
      spec: {
        ...{ replicas: 2, serviceName: 'db', selector: { matchLabels: { app: 'db' } } },
        template: template('db'),
      },
    };
    await apply(service, set);
    const rolledOut = (): Promise<string> => run('rollout', 'status', 'sts/db', '--timeout=60s');
    await rolledOut();
    expect(await run('exec', 'db-1', '--', 'hostname')).toBe('db-1\n');
    await run('set', 'image', 'sts/db', 'main=nginx:latest');
    await rolledOut();
    await run('rollout', 'undo', 'sts/db');
    await rolledOut();
    const pods = await podsOf('app=db');
    expect(pods.map(({ metadata }) => metadata.name)).toEqual(['db-0', 'db-1']);
    expect(pods.map(({ spec }) => spec.containers[0]?.image)).toEqual(['nginx', 'nginx']);
    await run('delete', 'sts', 'db', '--timeout=30s');
  });
});

describe('a deployment', () => {
  it('keeps enough pods while its node is drained, and is scaled by use', async () => {
    const resources = { requests: { cpu: '10m' } };
    await apply({
      ...{ apiVersion: 'apps/v1', kind: 'Deployment', metadata: { name: 'web' } },
      spec: {
        replicas: 2,
        selector: { matchLabels: { app: 'web' } },
        template: template('web', { resources }),
      },
    });
    await run('rollout', 'status', 'deploy/web', '--timeout=60s');
    await run('create', 'pdb', 'web', '--selector=app=web', '--min-available=1');
    await eventually(async () => {
      const { status } = await only<PodDisruptionBudget>('pdb/web');
      expect(status).toMatchObject({ currentHealthy: 2, disruptionsAllowed: 1 });
    });
    await run('drain', 'host-1', '--ignore-daemonsets', '--timeout=90s');
    const left = (await podsOf('app=web')).filter(({ metadata }) => metadata.deletionTimestamp === undefined);
    expect(left.every(({ spec }) => spec.nodeName !== 'host-1')).toBe(true);
    await run('uncordon', 'host-1');
    await run('rollout', 'status', 'deploy/web', '--timeout=60s');

    await run('autoscale', 'deploy/web', '--cpu=50%', '--min=1', '--max=3');
    await eventually(async () => {
      const { status } = await only<HorizontalPodAutoscaler>('hpa/web');
      const active = status?.conditions?.find(({ type }) => type === 'ScalingActive');
      expect(active).toMatchObject({ status: 'True', reason: 'ValidMetricFound' });
      expect(status?.currentMetrics?.[0]?.resource?.current.averageUtilization).toBeTypeOf('number');
    }, 60_000);
    expect(await run('top', 'pods', '--no-headers')).toMatch(/^web-\S+\s+\d+m\s+\d+Mi\s*$/m);
    await eventually(async () => {
      expect(await run('top', 'nodes', '--no-headers')).toMatch(/^host-1\s+\d+m\s+\d+%/m);
    }, 20_000);
  });
});
