import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import type { Lease } from '../../api/generated/coordination-v1.ts';
import type { Pod } from '../../api/generated/core-v1.ts';
import { toMillis } from '../../api/quantity.ts';
import { eventually } from '../support/eventually.ts';
import { must, TestCluster } from './cluster.ts';

const cluster = new TestCluster({ name: 'e2esched', port: 16_468 });
const hosts = ['host-1', 'host-2', 'host-3'];
const waitMs = 60_000;

beforeAll(async () => {
  await cluster.down();
  must(await cluster.up('--hosts', '3', '--no-example'), 'deploy/up');
});
afterAll(async () => {
  must(await cluster.down(), 'deploy/down');
});
afterEach(async () => {
  await cluster.kubectl(['delete', 'pods', '--all', '--force', '--grace-period=0']);
  await cluster.kubectl(['taint', 'nodes', '--all', 'dedicated-']);
});

interface Draft {
  readonly labels?: Record<string, string>;
  readonly command?: readonly string[];
  readonly hostPort?: number;
  readonly requests?: Record<string, string>;
  readonly spec?: Partial<Pod['spec']>;
}

function podOf(name: string, { labels, command, hostPort, requests, spec }: Draft): object {
  const container = {
    ...{ name: 'c', image: 'nginx', command: command ?? ['sleep', '1000000'] },
    ...(requests === undefined ? {} : { resources: { requests } }),
    ...(hostPort === undefined ? {} : { ports: [{ containerPort: hostPort, hostPort }] }),
  };
  return {
    ...{ apiVersion: 'v1', kind: 'Pod', metadata: { name, labels } },
    spec: { terminationGracePeriodSeconds: 1, containers: [container], ...spec },
  };
}

/** One command for all of them: a start of kubectl costs more than what it asks. */
async function createObjects(...items: readonly object[]): Promise<void> {
  const list = { apiVersion: 'v1', kind: 'List', items };
  must(await cluster.kubectl(['create', '-f', '-'], JSON.stringify(list)), 'create');
}

const create = (name: string, draft: Draft = {}): Promise<void> => createObjects(podOf(name, draft));

async function nodesOf(names: readonly string[]): Promise<string[]> {
  return eventually(async () => {
    const pods = await cluster.objects<Pod>('pods');
    const found = names.map(
      (name) => pods.find(({ metadata }) => metadata.name === name)?.spec.nodeName ?? '',
    );
    expect(found).not.toContain('');
    return found;
  }, waitMs);
}

/** A volume on one host, and the claim that is bound to it. */
async function createVolume(name: string, host: string): Promise<void> {
  const accessModes = ['ReadWriteOnce'];
  const resources = { requests: { storage: '1Mi' } };
  const nodeAffinity = { required: { nodeSelectorTerms: [hostname(host)] } };
  const volume = {
    ...{ apiVersion: 'v1', kind: 'PersistentVolume', metadata: { name } },
    spec: {
      ...{ accessModes, nodeAffinity, capacity: { storage: '1Mi' }, storageClassName: '' },
      hostPath: { path: '/tmp', type: 'Directory' },
    },
  };
  const claim = {
    ...{ apiVersion: 'v1', kind: 'PersistentVolumeClaim', metadata: { name } },
    spec: { accessModes, resources, storageClassName: '', volumeName: name },
  };
  await createObjects(volume, claim);
}

const series = (prefix: string, count: number): string[] =>
  Array.from({ length: count }, (_, i) => `${prefix}-${i}`);

async function createAll(names: readonly string[], draft: Draft): Promise<string[]> {
  await createObjects(...names.map((name) => podOf(name, draft)));
  return nodesOf(names);
}

const term = { topologyKey: 'kubernetes.io/hostname', labelSelector: { matchLabels: { app: 'web' } } };

describe('policies', () => {
  it('anti-affinity gives each host one pod, and describe says why the fourth waits', async () => {
    const podAntiAffinity = { requiredDuringSchedulingIgnoredDuringExecution: [term] };
    const draft = { labels: { app: 'web' }, spec: { affinity: { podAntiAffinity } } };
    expect((await createAll(series('web', 3), draft)).sort()).toEqual(hosts);
    await create('fourth', draft);
    await eventually(async () =>
      expect(await cluster.kubectlOut('describe', 'pod', 'fourth')).toContain(
        "0/3 nodes are available: 3 node(s) didn't match pod anti-affinity rules.",
      ),
    );
    must(await cluster.kubectl(['delete', 'pod', 'web-1', '--wait=false']), 'delete web-1');
    expect(await nodesOf(['fourth'])).toHaveLength(1);
  });

  it('spreading, taints and selectors decide together', async () => {
    must(await cluster.kubectl(['taint', 'node', 'host-3', 'dedicated=db:NoSchedule']), 'taint');
    const topologySpreadConstraints = [
      { ...term, maxSkew: 1, whenUnsatisfiable: 'DoNotSchedule', nodeTaintsPolicy: 'Honor' },
    ];
    const placed = await createAll(series('even', 4), {
      labels: { app: 'web' },
      spec: { topologySpreadConstraints },
    });
    expect(placed.sort()).toEqual(['host-1', 'host-1', 'host-2', 'host-2']);
    const spec = {
      nodeSelector: { 'kubernetes.io/hostname': 'host-3' },
      tolerations: [{ key: 'dedicated', operator: 'Exists' }],
    };
    expect(await createAll(['database'], { spec })).toEqual(['host-3']);
  });
});

const hostname = (...values: string[]): { matchExpressions: object[] } => ({
  matchExpressions: [{ key: 'kubernetes.io/hostname', operator: 'In', values }],
});

const waitsBecause = (name: string, why: string): Promise<void> =>
  eventually(async () => expect(await cluster.kubectlOut('describe', 'pod', name)).toContain(why), waitMs);

describe('more policies', () => {
  it('node affinity: what is required decides, what is preferred chooses', async () => {
    const nodeAffinity = {
      requiredDuringSchedulingIgnoredDuringExecution: {
        nodeSelectorTerms: [hostname('host-1', 'host-3')],
      },
      preferredDuringSchedulingIgnoredDuringExecution: [
        { weight: 100, preference: hostname('host-3', 'host-2') },
      ],
    } as NonNullable<Pod['spec']['affinity']>['nodeAffinity'];
    expect(await createAll(series('keen', 2), { spec: { affinity: { nodeAffinity } } })).toEqual([
      'host-3',
      'host-3',
    ]);
    const spec = { nodeSelector: { disk: 'fast' } };
    await create('picky', { spec });
    await waitsBecause(
      'picky',
      "0/3 nodes are available: 3 node(s) didn't match Pod's node affinity/selector.",
    );
    must(await cluster.kubectl(['label', 'node', 'host-2', 'disk=fast']), 'label');
    expect(await nodesOf(['picky'])).toEqual(['host-2']);
    must(await cluster.kubectl(['label', 'node', 'host-2', 'disk-']), 'unlabel');
  });

  it('pod affinity brings pods together, and preferred anti-affinity keeps them apart', async () => {
    const podAffinity = { requiredDuringSchedulingIgnoredDuringExecution: [term] };
    const [home] = await createAll(['web'], { labels: { app: 'web' } });
    const together = await createAll(series('friend', 3), { spec: { affinity: { podAffinity } } });
    expect(new Set(together)).toEqual(new Set([home]));
    const podAntiAffinity = {
      preferredDuringSchedulingIgnoredDuringExecution: [{ weight: 100, podAffinityTerm: term }],
    };
    const apart = await createAll(series('shy', 2), { spec: { affinity: { podAntiAffinity } } });
    expect(apart).not.toContain(home);
  });

  it('a host port is for one pod of a host, and a gated pod waits for its gates', async () => {
    expect((await createAll(series('port', 3), { hostPort: 8_097 })).sort()).toEqual(hosts);
    await create('late', { hostPort: 8_097 });
    await waitsBecause('late', "3 node(s) didn't have free ports for the requested pod ports");
    await create('gated', { spec: { schedulingGates: [{ name: 'example.com/wait' }] } });
    await eventually(async () =>
      expect(await cluster.kubectlOut('get', 'pod', 'gated')).toContain('SchedulingGated'),
    );
    const open = { spec: { schedulingGates: [] } };
    must(
      await cluster.kubectl(['patch', 'pod', 'gated', '--type=merge', '-p', JSON.stringify(open)]),
      'remove the gate',
    );
    expect(await nodesOf(['gated'])).toHaveLength(1);
  });
});

describe('policies of nodes, volumes and budgets', () => {
  it('a cordoned host takes nobody but who names it, and a pod runs where its volume is', async () => {
    must(await cluster.kubectl(['cordon', 'host-1']), 'cordon');
    await create('named', { spec: { nodeName: 'host-1' } });
    expect(await createAll(series('free', 2), {})).not.toContain('host-1');
    expect(await nodesOf(['named'])).toEqual(['host-1']);
    must(await cluster.kubectl(['uncordon', 'host-1']), 'uncordon');

    await createVolume('kept', 'host-2');
    const volumes = [{ name: 'data', persistentVolumeClaim: { claimName: 'kept' } }];
    expect(await createAll(['owner'], { spec: { volumes } })).toEqual(['host-2']);
    await create('astray', { spec: { volumes, nodeSelector: { 'kubernetes.io/hostname': 'host-3' } } });
    await waitsBecause('astray', "1 node(s) didn't match PersistentVolume's node affinity");
  });

  it('spreads as well as it can where it need not, and evicts what no budget keeps', async () => {
    const topologySpreadConstraints = [{ ...term, maxSkew: 1, whenUnsatisfiable: 'ScheduleAnyway' }];
    const labels = { app: 'web' };
    const placed = await createAll(series('any', 3), { labels, spec: { topologySpreadConstraints } });
    expect(placed.sort()).toEqual(hosts);
    const nodeSelector = { 'kubernetes.io/hostname': 'host-1' };
    const tied = await createAll(series('tied', 2), {
      ...{ labels, spec: { topologySpreadConstraints, nodeSelector } },
    });
    expect(tied).toEqual(['host-1', 'host-1']);

    const port = 8_098;
    await createAll(series('kept', 2), { labels: { app: 'kept' }, hostPort: port });
    const [loose] = await createAll(['loose'], { hostPort: port });
    const budget = ['create', 'pdb', 'kept', '--selector=app=kept', '--min-available=2'];
    must(await cluster.kubectl(budget), 'budget');
    await create('urgent', { hostPort: port, spec: { priorityClassName: 'system-node-critical' } });
    expect(await nodesOf(['urgent'])).toEqual([loose]);
    must(await cluster.kubectl(['delete', 'pdb', 'kept']), 'delete the budget');
  });
});

describe('strategies', () => {
  it('round robin goes round, random goes anywhere', async () => {
    const round = await createAll(series('round', 6), { spec: { schedulerName: 'coracle-round-robin' } });
    expect(round.sort()).toEqual(['host-1', 'host-1', 'host-2', 'host-2', 'host-3', 'host-3']);
    const anywhere = await createAll(series('any', 12), { spec: { schedulerName: 'coracle-random' } });
    expect(new Set(anywhere).size).toBeGreaterThan(1);
  });
});

describe('preemption', () => {
  it('evicts the pod of the lowest priority, and no other', async () => {
    for (const [name, value] of [
      ['low', 1],
      ['middle', 2],
      ['high', 3],
      ['top', 4],
    ] as const)
      must(await cluster.kubectl(['create', 'priorityclass', name, `--value=${value}`]), `class ${name}`);
    const port = 8_099;
    const ranks = ['middle', 'low', 'high'];
    await createObjects(
      ...ranks.map((priorityClassName) =>
        podOf(priorityClassName, { hostPort: port, spec: { priorityClassName } }),
      ),
    );
    const [, lowest] = await nodesOf(ranks);
    await create('top', { hostPort: port, spec: { priorityClassName: 'top' } });
    expect(await nodesOf(['top'])).toEqual([lowest]);
    await eventually(async () => {
      const left = await cluster.objects<Pod>('pods');
      expect(left.map(({ metadata }) => metadata.name).sort()).toEqual(['high', 'middle', 'top']);
      const events = await cluster.kubectlOut('get', 'events', '--field-selector=reason=Preempted');
      expect(events).toMatch(/pod\/low +Preempted by pod .* on node host-/);
    }, waitMs);
  });
});

/** The CPU that a host's last report gives. */
async function reportedMillis(host: string): Promise<number> {
  const [lease] = await cluster.objects<Lease>('lease', host, '-n', 'kube-node-lease');
  const report = lease?.metadata.annotations?.['coracle.dev/load'] ?? '{}';
  const { cpu = '0' } = JSON.parse(report) as { cpu?: string };
  return toMillis(cpu);
}

describe('load', () => {
  it('of pods without requests pushes new pods to idle hosts', async () => {
    const on = (host: string): Partial<Pod['spec']> => ({ nodeSelector: { 'kubernetes.io/hostname': host } });
    // On both cores: beside other work one loop gets hardly more than a quarter of the machine.
    const spin = 'while :; do :; done';
    // So that only CPU differs: what new pods are thought to use of it is less than the hog gets, of memory it is more.
    const requests = { memory: '1Mi' };
    await create('hog', { command: ['sh', '-c', `(${spin}) & ${spin}`], requests, spec: on('host-1') });
    // By requests alone host-1 would be the emptiest.
    for (const host of ['host-2', 'host-3'])
      await createObjects(
        ...series(`sleeper-${host}`, 2).map((name) => podOf(name, { requests, spec: on(host) })),
      );
    // Beside it what the hosts still report of the tests before.
    await eventually(async () => {
      const [hog = 0, ...others] = await Promise.all(hosts.map(reportedMillis));
      expect(hog - Math.max(...others)).toBeGreaterThan(600);
    }, waitMs);
    expect(await createAll(series('new', 2), {})).not.toContain('host-1');
  });
});
