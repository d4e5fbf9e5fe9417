import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Pod } from '../../api/generated/core-v1.ts';
import type { Forecast } from '../../kubectl-lite/placement/forecast.ts';
import type { Explanation } from '../../scheduler/explanation/explain-pod.ts';
import { eventually } from '../support/eventually.ts';
import { root } from '../tidy/source-files.ts';
import { must, runToEnd, TestCluster } from './cluster.ts';

const cluster = new TestCluster({ name: 'e2ewhy', port: 17_960 });
const waitMs = 90_000;

beforeAll(async () => {
  await cluster.down();
  must(await cluster.up('--hosts', '3', '--no-example'), 'deploy/up');
});
afterAll(async () => {
  must(await cluster.down(), 'deploy/down');
});

async function lite(...args: string[]): Promise<string> {
  const options = { environment: { KUBECONFIG: cluster.kubeconfig }, timeoutMs: 30_000 };
  return must(await runToEnd(join(root, 'bin/kubectl-lite'), args, options), args.join(' ')).stdout;
}

const apply = async (manifest: object): Promise<void> =>
  void must(await cluster.kubectl(['apply', '-f', '-'], JSON.stringify(manifest)), 'apply');

const anywhereBriefly = ['not-ready', 'unreachable'].map((condition) => ({
  ...{
    key: `node.kubernetes.io/${condition}`,
    operator: 'Exists',
    effect: 'NoExecute',
    tolerationSeconds: 1,
  },
}));

const deployment = (name: string, replicas: number, spec: object, group?: string): object => ({
  apiVersion: 'apps/v1',
  kind: 'Deployment',
  metadata: { name },
  spec: {
    replicas,
    selector: { matchLabels: { app: name } },
    template: {
      metadata: {
        labels: { app: name, ...(group === undefined ? {} : { 'scheduling.x-k8s.io/pod-group': group }) },
      },
      spec: {
        terminationGracePeriodSeconds: 1,
        tolerations: anywhereBriefly,
        containers: [{ name: 'c', image: 'nginx', command: ['sleep', '1000000'] }],
        ...spec,
      },
    },
  },
});

const onHosts = (...values: string[]): object => ({
  nodeAffinity: {
    requiredDuringSchedulingIgnoredDuringExecution: {
      nodeSelectorTerms: [{ matchExpressions: [{ key: 'kubernetes.io/hostname', operator: 'In', values }] }],
    },
  },
});

const apartFrom = (app: string): object => ({
  podAntiAffinity: {
    requiredDuringSchedulingIgnoredDuringExecution: [
      { topologyKey: 'kubernetes.io/hostname', labelSelector: { matchLabels: { app } } },
    ],
  },
});

/** `app -> node` of the live pods that are not on host-3; a pod without a node is on ``. */
async function placements(): Promise<string[]> {
  const pods = await cluster.objects<Pod>('pods');
  return pods
    .filter(({ metadata, spec }) => metadata.deletionTimestamp === undefined && spec.nodeName !== 'host-3')
    .map(({ metadata, spec }) => `${metadata.labels?.['app']} -> ${spec.nodeName ?? ''}`)
    .sort();
}

describe('why', () => {
  it('names what a pending pod lacks, and the pod starts when that is there', async () => {
    const resources = { requests: { 'example.com/gpu': '1' } };
    const containers = [
      {
        name: 'c',
        image: 'nginx',
        command: ['sleep', '1000000'],
        resources: { ...resources, limits: resources.requests },
      },
    ];
    await apply({ apiVersion: 'v1', kind: 'Pod', metadata: { name: 'gpu' }, spec: { containers } });
    const text = await lite('why', 'pod/gpu');
    expect(text).toContain(
      'pod default/gpu is pending: 0/3 nodes are available: 3 Insufficient example.com/gpu.',
    );
    expect(text).toContain('3 nodes: NodeResourcesFit: Insufficient example.com/gpu');
    expect(text).toContain('example.com/gpu: needs 1, free 0 on host-1');
    const amount = {
      status: { capacity: { 'example.com/gpu': '1' }, allocatable: { 'example.com/gpu': '1' } },
    };
    const patch = [
      'patch',
      'node',
      'host-2',
      '--subresource=status',
      '--type=merge',
      '-p',
      JSON.stringify(amount),
    ];
    must(await cluster.kubectl(patch), 'patch');
    await eventually(async () => {
      const { state, node } = JSON.parse(await lite('why', 'gpu', '-o', 'json')) as Explanation;
      expect([state, node]).toEqual(['Placed', 'host-2']);
    }, waitMs);
    must(await cluster.kubectl(['delete', 'pod', 'gpu', '--now']), 'delete');
  });
});

describe('a group of pods', () => {
  it('starts on three hosts as a whole or not at all, and says what is missing where', async () => {
    await apply({
      ...{ apiVersion: 'scheduling.x-k8s.io/v1alpha1', kind: 'PodGroup', metadata: { name: 'crew' } },
      spec: { minMember: 3 },
    });
    must(await cluster.kubectl(['cordon', 'host-2']), 'cordon');
    await apply(deployment('crew', 3, { affinity: apartFrom('crew') }, 'crew'));
    const expected =
      /0\/3 nodes are available: .*1 node\(s\) were unschedulable.* pod group "crew": 2 of 3 fit\./;
    const members = async (): Promise<Pod[]> =>
      (await cluster.objects<Pod>('pods')).filter(({ metadata }) => metadata.labels?.['app'] === 'crew');
    const name = await eventually(async () => {
      const pods = await members();
      for (const { status } of pods) expect(status?.conditions?.[0]?.message).toMatch(expected);
      expect(pods).toHaveLength(3);
      return pods[0]?.metadata.name ?? '';
    }, waitMs);
    expect((await members()).map(({ spec }) => spec.nodeName)).toEqual([undefined, undefined, undefined]);
    const message = (await members())[0]?.status?.conditions?.[0]?.message ?? '';
    await eventually(async () =>
      expect(await cluster.kubectlOut('describe', 'pod', name)).toContain(message),
    );
    expect(await lite('why', name)).toContain(message);
    const path = `/api/v1/namespaces/default/pods/${name}/placement`;
    expect(JSON.parse(await cluster.kubectlOut('get', '--raw', path))).toMatchObject({ message });
    must(await cluster.kubectl(['uncordon', 'host-2']), 'uncordon');
    must(await cluster.kubectl(['rollout', 'status', 'deploy/crew', '--timeout=90s']), 'rollout');
    expect(new Set((await members()).map(({ spec }) => spec.nodeName)).size).toBe(3);
    must(await cluster.kubectl(['delete', 'deploy/crew', 'podgroup/crew', '--now']), 'delete');
    await eventually(async () => expect(await members()).toEqual([]), waitMs);
  });

  it('foretells the node of a pod by dry run', async () => {
    const dryRun = (cpu: string): string[] => [
      ...['run', 'dry', '--image=nginx', '--dry-run=server', '-o', 'jsonpath={.spec.nodeName}'],
      `--overrides=${JSON.stringify({ spec: { containers: [{ name: 'c', image: 'nginx', resources: { requests: { cpu } } }] } })}`,
    ];
    const fits = must(await cluster.kubectl(dryRun('100m')), 'run');
    expect(fits.stdout).toMatch(/^host-[123]$/);
    const tooMuch = must(await cluster.kubectl(dryRun('1000')), 'run');
    expect([tooMuch.stdout, tooMuch.stderr]).toEqual([
      '',
      expect.stringContaining(
        'Warning: the pod would stay pending: 0/3 nodes are available: 3 Insufficient cpu.',
      ),
    ]);
  });
});

describe('what-if', () => {
  it('foretells what becomes of the pods of a lost node', async () => {
    await apply(deployment('apart', 3, { affinity: apartFrom('apart') }));
    await apply(deployment('first', 2, { affinity: onHosts('host-1', 'host-3') }));
    await apply(deployment('second', 2, { affinity: onHosts('host-2', 'host-3') }));
    for (const name of ['apart', 'first', 'second'])
      must(await cluster.kubectl(['rollout', 'status', `deploy/${name}`, '--timeout=90s']), name);
    const before = await placements();
    const versions = (): Promise<string> => cluster.kubectlOut('get', 'pods,nodes', '-o', 'name');
    const names = await versions();
    const found = JSON.parse(await lite('what-if', 'node', 'lost', 'host-3', '-o', 'json')) as Forecast;
    expect(await versions()).toBe(names);
    const appOf = (pod: string): string => /\/([a-z]+)-/.exec(pod)?.[1] ?? '';
    const foretold = [
      ...before,
      ...found.moves.map(({ pod, to }) => `${appOf(pod)} -> ${to}`),
      ...found.pending.map(({ pod }) => `${appOf(pod)} -> `),
    ].sort();
    expect(found.moves.map(({ from }) => from)).toEqual(['host-3', 'host-3']);
    expect(found.pending).toHaveLength(1);

    await cluster.host('kill', 'host-3');
    await eventually(async () => expect(await placements()).toEqual(foretold), waitMs);
    const waiting = found.pending[0]?.message ?? 'nothing was foretold';
    await eventually(async () => {
      const pods = await cluster.objects<Pod>('pods');
      const conditions = pods.flatMap(({ status }) => status?.conditions ?? []);
      expect(conditions.map(({ message }) => message)).toContain(waiting);
    }, waitMs);
  });
});
