import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Pod } from '../../api/generated/core-v1.ts';
import { eventually } from '../support/eventually.ts';
import { must, TestCluster } from './cluster.ts';

const cluster = new TestCluster({ name: 'e2epods', port: 16_450 });

beforeAll(async () => {
  await cluster.down();
  must(await cluster.up('--hosts', '1', '--no-example'), 'deploy/up');
});
afterAll(async () => {
  must(await cluster.down(), 'deploy/down');
});

const create = async (...objects: object[]): Promise<void> => {
  for (const object of objects)
    must(await cluster.kubectl(['create', '-f', '-'], JSON.stringify(object)), 'kubectl create');
};
const podOf = (name: string, spec: object): object => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name, labels: { pod: name } },
  spec,
});
const container = (script: string, more: object = {}): object => ({
  name: 'main',
  image: 'nginx',
  command: ['sh', '-c', script],
  ...more,
});
const read = async (name: string): Promise<Pod> => {
  const [pod] = await cluster.objects<Pod>(`pod/${name}`);
  if (pod === undefined) throw new Error(`no pod ${name}`);
  return pod;
};
const reaches = (name: string, phase: string, deadlineMs = 30_000): Promise<Pod> =>
  eventually(async () => {
    const pod = await read(name);
    expect(pod.status?.phase).toBe(phase);
    return pod;
  }, deadlineMs);
const remove = (name: string): Promise<string> =>
  cluster.kubectlOut('delete', 'pod', name, '--grace-period=1', '--timeout=30s');

describe('a pod', () => {
  it('sees its environment: literals, downward API, config and secret, expansions', async () => {
    await create(
      {
        apiVersion: 'v1',
        kind: 'ConfigMap',
        metadata: { name: 'config' },
        data: { colour: 'blue', 'app.conf': 'x=1\n' },
      },
      { apiVersion: 'v1', kind: 'Secret', metadata: { name: 'secret' }, stringData: { password: 'hunter2' } },
      podOf('env', {
        restartPolicy: 'Never',
        containers: [
          container(
            'echo "$A|$NAME|$COLOUR|$P_password|$(cat /etc/config/app.conf)|$(cat /etc/secret/password)|$CPU"',
            {
              env: [
                { name: 'A', value: 'a' },
                { name: 'NAME', valueFrom: { fieldRef: { fieldPath: 'metadata.name' } } },
                { name: 'COLOUR', valueFrom: { configMapKeyRef: { name: 'config', key: 'colour' } } },
                { name: 'CPU', valueFrom: { resourceFieldRef: { resource: 'limits.cpu' } } },
              ],
              envFrom: [{ prefix: 'P_', secretRef: { name: 'secret' } }],
              resources: { limits: { cpu: '1' } },
              volumeMounts: [
                { name: 'config', mountPath: '/etc/config' },
                { name: 'secret', mountPath: '/etc/secret', readOnly: true },
              ],
            },
          ),
        ],
        volumes: [
          { name: 'config', configMap: { name: 'config' } },
          { name: 'secret', secret: { secretName: 'secret' } },
        ],
      }),
    );
    await reaches('env', 'Succeeded');
    expect(await cluster.kubectlOut('logs', 'env')).toBe('a|env|blue|hunter2|x=1|hunter2|1\n');
    await remove('env');
  });

  it('runs its init containers in order before the others, over a shared volume', async () => {
    const volumeMounts = [{ name: 'work', mountPath: '/scratch' }];
    await create(
      podOf('init', {
        restartPolicy: 'Never',
        initContainers: [
          { ...container('echo one >> /scratch/log', { volumeMounts }), name: 'first' },
          { ...container('echo two >> /scratch/log', { volumeMounts }), name: 'second' },
        ],
        containers: [container('cat /scratch/log', { volumeMounts })],
        volumes: [{ name: 'work', emptyDir: {} }],
      }),
    );
    const pod = await reaches('init', 'Succeeded');
    expect(await cluster.kubectlOut('logs', 'init')).toBe('one\ntwo\n');
    expect(pod.status?.initContainerStatuses?.map((each) => each.state?.terminated?.reason)).toEqual([
      'Completed',
      'Completed',
    ]);
    await remove('init');
  });

  it('is restarted with back-off, and its previous log can be read', async () => {
    await create(podOf('crash', { containers: [container('echo run; exit 3')] }));
    await eventually(async () => {
      const status = (await read('crash')).status?.containerStatuses?.[0];
      expect(status?.restartCount).toBeGreaterThan(0);
      expect(status?.state?.waiting?.reason).toBe('CrashLoopBackOff');
      expect(status?.lastState?.terminated).toMatchObject({ exitCode: 3, reason: 'Error' });
    }, 60_000);
    expect(await cluster.kubectlOut('logs', 'crash', '--previous')).toBe('run\n');
    await remove('crash');
  });

  it('is ready only when its probe says so, and restarted when it is not alive', async () => {
    await create(
      podOf('probed', {
        containers: [
          container('touch /tmp/ready /tmp/alive; sleep 3600', {
            readinessProbe: {
              exec: { command: ['test', '-e', '/tmp/ready'] },
              periodSeconds: 1,
              failureThreshold: 1,
            },
            livenessProbe: {
              exec: { command: ['test', '-e', '/tmp/alive'] },
              periodSeconds: 1,
              failureThreshold: 2,
            },
            terminationMessagePath: '/dev/termination-log',
          }),
        ],
        terminationGracePeriodSeconds: 1,
      }),
    );
    const ready = async (): Promise<string | undefined> =>
      (await read('probed')).status?.conditions?.find((each) => each.type === 'Ready')?.status;
    await eventually(async () => expect(await ready()).toBe('True'), 30_000);
    await cluster.kubectlOut('exec', 'probed', '--', 'rm', '/tmp/ready');
    await eventually(async () => expect(await ready()).toBe('False'), 30_000);
    await cluster.kubectlOut('exec', 'probed', '--', 'rm', '/tmp/alive');
    await eventually(
      async () => expect((await read('probed')).status?.containerStatuses?.[0]?.restartCount).toBe(1),
      30_000,
    );
    await eventually(async () => expect(await ready()).toBe('True'), 30_000);
    await remove('probed');
  });

  it('gets TERM and its grace period, and preStop before that', async () => {
    const volumes = [{ name: 'host', hostPath: { path: '/run/e2e-grace', type: 'DirectoryOrCreate' } }];
    const volumeMounts = [{ name: 'host', mountPath: '/host' }];
    await create(
      podOf('graceful', {
        containers: [
          container(
            // The image's own stop signal is QUIT, as nginx wants it.
            "trap 'echo term >> /host/log; exit 0' TERM QUIT; echo up > /host/log; while :; do sleep 0.1; done",
            {
              volumeMounts,
              lifecycle: { preStop: { exec: { command: ['sh', '-c', 'echo prestop >> /host/log'] } } },
            },
          ),
        ],
        volumes,
        terminationGracePeriodSeconds: 10,
      }),
    );
    // Running is the container; its shell may not have come so far yet.
    await eventually(async () =>
      expect(await cluster.kubectlOut('exec', 'graceful', '--', 'cat', '/host/log')).toBe('up\n'),
    );
    await cluster.kubectlOut('delete', 'pod', 'graceful', '--timeout=30s');
    await create(
      podOf('reader', {
        restartPolicy: 'Never',
        containers: [container('cat /host/log', { volumeMounts })],
        volumes,
      }),
    );
    await reaches('reader', 'Succeeded');
    expect(await cluster.kubectlOut('logs', 'reader')).toBe('up\nprestop\nterm\n');
    await remove('reader');
  });

  it('runs as the user it names, without the right to write its root filesystem', async () => {
    await create(
      podOf('secure', {
        restartPolicy: 'Never',
        securityContext: { runAsUser: 1234, runAsGroup: 2345, fsGroup: 3456 },
        containers: [
          container(
            'id; touch /x 2>&1; touch /data/y && stat -c %g /data/y; grep -E "CapEff|Seccomp:|NoNewPrivs" /proc/self/status',
            {
              securityContext: {
                readOnlyRootFilesystem: true,
                allowPrivilegeEscalation: false,
                capabilities: { drop: ['ALL'] },
              },
              volumeMounts: [{ name: 'data', mountPath: '/data' }],
            },
          ),
        ],
        volumes: [{ name: 'data', emptyDir: {} }],
      }),
    );
    await reaches('secure', 'Succeeded');
    const log = await cluster.kubectlOut('logs', 'secure');
    expect(log).toMatch(/uid=1234 gid=2345 groups=(?:2345,)?3456/);
    expect(log).toMatch(/Read-only file system/);
    expect(log).toMatch(/^3456$/m);
    expect(log).toMatch(/CapEff:\s+0{16}/);
    expect(log).toMatch(/Seccomp:\s+2/);
    await remove('secure');
  });

  it('goes on when its agent is killed, under the same container', async () => {
    await create(
      podOf('steady', { containers: [container('i=0; while :; do i=$((i+1)); echo $i; sleep 0.1; done')] }),
    );
    const before = await reaches('steady', 'Running');
    const pid = cluster.pid('node-agent-1') ?? 0;
    process.kill(pid, 'SIGKILL');
    await eventually(() => expect([undefined, pid]).not.toContain(cluster.pid('node-agent-1')));
    const lines = await eventually(async () => {
      const log = (await cluster.kubectlOut('logs', 'steady')).trim().split('\n').map(Number);
      expect(log.length).toBeGreaterThan(30);
      return log;
    }, 30_000);
    expect(lines).toEqual(lines.map((_, index) => index + 1));
    const after = await read('steady');
    expect(after.status?.containerStatuses?.[0]?.containerID).toBe(
      before.status?.containerStatuses?.[0]?.containerID,
    );
    await remove('steady');
  });

  it('stays while a host port it wants is taken, and gets another node or none', async () => {
    const ports = { ports: [{ containerPort: 80, hostPort: 18_080 }] };
    await create(podOf('port-a', { containers: [{ name: 'main', image: 'nginx', ...ports }] }));
    await reaches('port-a', 'Running');
    await create(podOf('port-b', { containers: [{ name: 'main', image: 'nginx', ...ports }] }));
    await eventually(async () => {
      const condition = (await read('port-b')).status?.conditions?.find(
        (each) => each.type === 'PodScheduled',
      );
      expect(condition).toMatchObject({ status: 'False', reason: 'Unschedulable' });
      expect(condition?.message).toContain("node(s) didn't have free ports for the requested pod ports");
    });
    await remove('port-a');
    await reaches('port-b', 'Running');
    await remove('port-b');
  });

  it('is resized in place, and started again only where it asks for that', async () => {
    const resources = (cpu: string, memory: string) => ({
      requests: { cpu, memory },
      limits: { cpu, memory },
    });
    const resizePolicy = [{ resourceName: 'memory', restartPolicy: 'RestartContainer' }];
    const main = container('sleep 3600', { resources: resources('50m', '64Mi'), resizePolicy });
    await create(podOf('resized', { containers: [main], terminationGracePeriodSeconds: 0 }));
    await reaches('resized', 'Running');
    const resize = async (cpu: string, memory: string, restartCount: number): Promise<void> => {
      const patch = { spec: { containers: [{ name: 'main', resources: resources(cpu, memory) }] } };
      await cluster.kubectlOut(
        ...['patch', 'pod', 'resized', '--subresource', 'resize', '-p', JSON.stringify(patch)],
      );
      await eventually(async () => {
        const { status } = await read('resized');
        const expected = { resources: resources(cpu, memory), restartCount, ready: true };
        expect(status?.containerStatuses?.[0]).toMatchObject(expected);
        expect(status?.conditions?.map(({ type }) => type)).not.toContain('PodResizeInProgress');
      }, 30_000);
      const quota =
        'cat /sys/fs/cgroup/cpu/cpu.cfs_quota_us 2>/dev/null || cut -d" " -f1 /sys/fs/cgroup/cpu.max';
      const inside = await cluster.kubectlOut('exec', 'resized', '--', 'sh', '-c', quota);
      expect(Number(inside)).toBe(Number.parseInt(cpu, 10) * 100);
    };
    await resize('80m', '64Mi', 0);
    await resize('30m', '48Mi', 1);
    await remove('resized');
  });

  it('fails for good with a command that is not there, when it is never restarted', async () => {
    const broken = { name: 'main', image: 'nginx', command: ['/not-there'] };
    await create(podOf('broken', { restartPolicy: 'Never', containers: [broken] }));
    const pod = await reaches('broken', 'Failed');
    const end = { exitCode: 128, reason: 'StartError', message: expect.stringContaining('/not-there') };
    expect(pod.status?.containerStatuses?.[0]?.state?.terminated).toMatchObject(end);
    await remove('broken');
  });
});
