import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { eventually } from '../support/eventually.ts';
import { must, TestCluster } from './cluster.ts';

interface RunningPod {
  readonly status: {
    readonly phase?: string;
    readonly containerStatuses?: readonly {
      readonly restartCount: number;
      readonly state: {
        readonly waiting?: { readonly reason: string };
        readonly terminated?: { readonly reason: string; readonly exitCode: number };
      };
      readonly lastState: { readonly terminated?: { readonly reason: string; readonly exitCode: number } };
    }[];
  };
}

const cluster = new TestCluster({ name: 'e2elimit', port: 16_448 });

beforeAll(async () => {
  await cluster.down();
  must(await cluster.up('--hosts', '1', '--no-example'), 'deploy/up');
});
afterAll(async () => {
  must(await cluster.down(), 'deploy/down');
});

async function create(
  name: string,
  command: readonly string[],
  limits: Readonly<Record<string, string>>,
): Promise<void> {
  const pod = {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name },
    spec: { containers: [{ name: 'c', image: 'nginx', command, resources: { limits } }] },
  };
  must(await cluster.kubectl(['create', '-f', '-'], JSON.stringify(pod)), `create ${name}`);
}

const statusOf = async (name: string): Promise<RunningPod['status'] | undefined> =>
  (await cluster.objects<RunningPod>(`pod/${name}`))[0]?.status;

describe('cgroup limits', () => {
  it('give a spinner limited to 500m half a core', async () => {
    await create('spinner', ['sh', '-c', 'while :; do :; done'], { cpu: '500m', memory: '32Mi' });
    await eventually(async () => expect((await statusOf('spinner'))?.phase).toBe('Running'));
    const ticks = async (): Promise<number> => {
      const stat = await cluster.kubectlOut('exec', 'spinner', '--', 'cat', '/proc/1/stat', '/proc/uptime');
      const [process = '', uptime = ''] = stat.trim().split('\n');
      const fields = process.replace(/^.*\) /, '').split(' ');
      return (Number(fields[11]) + Number(fields[12])) / 100 - Number(uptime.split(' ')[0]) / 2;
    };
    const first = await ticks();
    const startMs = performance.now();
    await eventually(() => expect(performance.now() - startMs).toBeGreaterThan(4_000));
    // Half of the time that passed, give or take a scheduling period: the difference stays near zero.
    expect(Math.abs((await ticks()) - first)).toBeLessThan(0.5);
    await cluster.kubectlOut('delete', 'pod', 'spinner', '--grace-period=0', '--force');
  });

  it('kill a hog beyond its memory, say so, and restart it with back-off', async () => {
    await create('hog', ['sh', '-c', 'x=a; while :; do x=$x$x; done'], { memory: '24Mi' });
    await eventually(async () => {
      const container = (await statusOf('hog'))?.containerStatuses?.[0];
      expect(container?.restartCount).toBeGreaterThan(0);
      expect(container?.state.waiting?.reason).toBe('CrashLoopBackOff');
      expect(container?.lastState.terminated).toMatchObject({ reason: 'OOMKilled', exitCode: 137 });
    }, 60_000);
    await cluster.kubectlOut('delete', 'pod', 'hog', '--grace-period=0', '--force');
  });
});
