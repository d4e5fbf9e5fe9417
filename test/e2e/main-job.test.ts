import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { eventually } from '../support/eventually.ts';
import { httpGet, must, TestCluster } from './cluster.ts';

interface Listed {
  readonly metadata: { readonly name: string; readonly uid: string };
  readonly spec: { readonly nodeName?: string };
  readonly status: {
    readonly phase?: string;
    readonly conditions?: readonly { readonly type: string; readonly status: string }[];
  };
}

const cluster = new TestCluster({ name: 'e2ejob', port: 16_443 });

beforeAll(async () => {
  await cluster.down();
  must(await cluster.up(), 'deploy/up');
});
afterAll(async () => {
  must(await cluster.down(), 'deploy/down');
});

const isReady = (object: Listed): boolean =>
  object.status.conditions?.some((each) => each.type === 'Ready' && each.status === 'True') ?? false;
const nginxPods = (): Promise<Listed[]> => cluster.objects<Listed>('pods', '-l', 'app=nginx');

describe('deploy/up', () => {
  it('gives three Ready nodes and three nginx pods on three nodes', async () => {
    const nodes = await cluster.objects<Listed>('nodes');
    expect(nodes.map((node) => [node.metadata.name, isReady(node)])).toEqual([
      ['host-1', true],
      ['host-2', true],
      ['host-3', true],
    ]);
    const pods = await nginxPods();
    expect(pods.map((pod) => pod.status.phase)).toEqual(['Running', 'Running', 'Running']);
    expect(new Set(pods.map((pod) => pod.spec.nodeName)).size).toBe(3);
  });

  it('answers on port 80 of every node and names the pod that answers', async () => {
    const pods = new Set((await nginxPods()).map((pod) => pod.metadata.name));
    for (const address of (await cluster.addresses()).values()) {
      const answer = await httpGet(address);
      expect(answer.status).toBe(200);
      expect(pods).toContain(answer.pod);
      expect(answer.body).toContain(`Served by pod ${answer.pod}`);
    }
  });

  it('is left as it is by a second up', async () => {
    const before = [
      (await nginxPods()).map((pod) => pod.metadata.uid),
      cluster.pid('apiserver-1'),
      cluster.pid('etcd-1'),
    ];
    must(await cluster.up(), 'second deploy/up');
    expect([
      (await nginxPods()).map((pod) => pod.metadata.uid),
      cluster.pid('apiserver-1'),
      cluster.pid('etcd-1'),
    ]).toEqual(before);
  });

  it('refuses other flags than those of the running cluster and names the difference', async () => {
    const refused = await cluster.up('--servers', '3');
    expect(refused.code).toBe(1);
    expect(refused.stderr).toContain('--servers: running with 1, asked for 3');
  });

  it('ends with 2 at an unknown flag', async () => {
    const refused = await cluster.up('--frobnicate');
    expect(refused.code).toBe(2);
    expect(refused.stderr).toContain('--frobnicate');
  });
});

describe('the service', () => {
  it('answers on every node with one replica, refuses at once with none, and comes back', async () => {
    const addresses = [...(await cluster.addresses()).values()];
    await cluster.kubectlOut('scale', 'deployment/nginx', '--replicas=1');
    await eventually(async () => expect(await nginxPods()).toHaveLength(1));
    for (const address of addresses) expect((await httpGet(address)).status).toBe(200);
    await cluster.kubectlOut('scale', 'deployment/nginx', '--replicas=0');
    await eventually(async () => expect(await nginxPods()).toHaveLength(0));
    for (const address of addresses)
      await expect(httpGet(address)).rejects.toThrow(/ECONNREFUSED|ECONNRESET/);
    await cluster.kubectlOut('scale', 'deployment/nginx', '--replicas=3');
    await eventually(async () => {
      for (const address of addresses) expect((await httpGet(address)).status).toBe(200);
    });
    await cluster.kubectlOut('rollout', 'status', 'deployment/nginx', '--timeout=30s');
  });
});

describe('names inside a container', () => {
  const exec = (pod: string, ...command: string[]): Promise<string> =>
    cluster.kubectlOut('exec', pod, '--', ...command);

  it('resolve, short and full, and reach the service across hosts', async () => {
    const [pod] = await nginxPods();
    const name = pod?.metadata.name ?? '';
    for (const host of ['nginx', 'nginx.default', 'nginx.default.svc.cluster.local']) {
      expect(await exec(name, 'wget', '-q', '-O', '-', `http://${host}/`)).toContain('Served by pod');
    }
  });

  it('go on resolving while every agent is stopped', async () => {
    const [pod] = await nginxPods();
    const script =
      'i=0; while [ $i -lt 40 ]; do wget -q -O /dev/null http://nginx/ && echo ok || echo failed; sleep 0.1; i=$((i+1)); done';
    const running = exec(pod?.metadata.name ?? '', 'sh', '-c', script);
    const agents = [1, 2, 3].map((index) => cluster.pid(`node-agent-${index}`) ?? 0);
    // The stream of the script itself runs through one agent: that one goes on.
    const others = agents.filter((_, index) => `host-${index + 1}` !== pod?.spec.nodeName);
    for (const pid of others) process.kill(pid, 'SIGSTOP');
    try {
      expect((await running).trim().split('\n')).toEqual(Array.from({ length: 40 }, () => 'ok'));
    } finally {
      for (const pid of others) process.kill(pid, 'SIGCONT');
    }
  });
});
