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

const deployment = (name: string, replicas: number, spec: object): object => ({
  apiVersion: 'apps/v1',
  kind: 'Deployment',
  metadata: { name },
  spec: {
    replicas,
    selector: { matchLabels: { app: name } },
    template: {
      metadata: { labels: { app: name } },
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

const apart = {
  podAntiAffinity: {
    requiredDuringSchedulingIgnoredDuringExecution: [
      { topologyKey: 'kubernetes.io/hostname', labelSelector: { matchLabels: { app: 'apart' } } },
    ],
  },
};

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

describe('what-if', () => {
  it('foretells what becomes of the pods of a lost node', async () => {
    await apply(deployment('apart', 3, { affinity: apart }));
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
