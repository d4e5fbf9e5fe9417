import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Deployment } from '../../api/generated/apps-v1.ts';
import type { Node, Pod } from '../../api/generated/core-v1.ts';
import { deployments, endpointslices, nodes, services } from '../../api/generated/resources.ts';
import { delay, systemClock } from '../../base/clock.ts';
import { secretHex } from '../../base/random.ts';
import type { ApiClient } from '../../client/client.ts';
import { nodeCondition, nodeDeadTaint, silentCondition } from '../../controllers/node-state.ts';
import { testLogger, testLogLevel } from '../support/api-server.ts';
import { ControllersCluster } from '../support/controllers-cluster.ts';
import { eventually } from '../support/eventually.ts';
import { freePort } from '../support/free-port.ts';
import { HollowGuards } from '../support/hollow-guards.ts';
import { livePods } from '../support/observed-objects.ts';

const hosts = ['host-1', 'host-2', 'host-3'];
let cluster: ControllersCluster;
let admin: ApiClient;
let agent: ControllersCluster['agent'];
let guards: HollowGuards;
let detector: ChildProcess;

beforeAll(async () => {
  cluster = await ControllersCluster.start({ nodes: hosts });
  ({ admin, agent } = cluster);
  const port = await freePort();
  const clusterKey = secretHex(32);
  const keyFile = join(cluster.server.directory, 'beat.key');
  await writeFile(keyFile, clusterKey);
  guards = new HollowGuards({ nodes: hosts, clusterKey: Buffer.from(clusterKey, 'hex'), port });
  const main = join(import.meta.dirname, '../../controllers/detector/main.ts');
  const flags = {
    kubeconfig: join(cluster.server.directory, 'detector.kubeconfig'),
    'bind-address': '127.0.0.1',
    port: String(port),
    'beat-key-file': keyFile,
  };
  const args = Object.entries(flags).map(([flag, value]) => `--${flag}=${value}`);
  detector = spawn(process.execPath, [main, ...args], {
    stdio: ['ignore', 'ignore', testLogLevel === 'silent' ? 'ignore' : 'inherit'],
  });
  await eventually(async () => {
    for (const node of await allNodes())
      expect(node.metadata.annotations?.['coracle.dev/guard']).toBe('beating');
  });
  await admin.create(services, {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name: 'web', namespace: 'default' },
    spec: { selector: { app: 'web' }, ports: [{ port: 80 }] },
  });
  await admin.create(deployments, aDeployment());
  await untilReadyEndpoints(3);
});

afterAll(async () => {
  guards?.close();
  if (detector?.exitCode === null) {
    detector.kill('SIGCONT');
    detector.kill('SIGTERM');
    await once(detector, 'exit');
  }
  await cluster?.stop();
});

function aDeployment(): Parameters<typeof admin.create<Deployment>>[1] {
  const labels = { app: 'web' };
  return {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name: 'web', namespace: 'default' },
    spec: {
      replicas: 3,
      selector: { matchLabels: labels },
      template: {
        metadata: { labels } as never,
        spec: { containers: [{ name: 'main', image: 'nginx' }] },
      },
    },
  };
}

async function allNodes(): Promise<Node[]> {
  return (await admin.list(nodes)).items;
}

const nodeOf = (name: string): Promise<Node> => admin.get(nodes, { name });

const webPods = (): Promise<Pod[]> => livePods(admin, 'app=web');

/** Names of the nodes of ready endpoints, sorted. */
async function readyEndpoints(): Promise<string[]> {
  const { items } = await admin.list(endpointslices, { namespace: 'default' });
  return items
    .filter(({ metadata }) => metadata.labels?.['kubernetes.io/service-name'] === 'web')
    .flatMap((slice) => slice.endpoints ?? [])
    .filter(({ conditions }) => conditions?.ready === true)
    .map(({ nodeName }) => nodeName ?? '')
    .sort();
}

function untilReadyEndpoints(count: number): Promise<void> {
  return eventually(async () => expect(await readyEndpoints()).toHaveLength(count));
}

function silence(...names: string[]): void {
  for (const name of names) {
    agent.stopped.add(name);
    guards.muted.add(name);
  }
}

/** Back as after a cut: the guard beats and the agent corrects what was said of its node. */
async function heal(...names: string[]): Promise<void> {
  for (const name of names) {
    guards.muted.delete(name);
    agent.stopped.delete(name);
    const ready = { type: 'Ready', status: 'True', reason: 'KubeletReady', message: 'ready' };
    await admin.patch(
      nodes,
      { name },
      { type: 'strategic', body: { status: { conditions: [ready] } } },
      { subresource: 'status' },
    );
    await agent.endDeleted(name);
  }
  await eventually(async () => {
    for (const node of await allNodes()) {
      expect(node.spec.taints ?? []).toEqual([]);
      expect(nodeCondition(node, 'Ready')?.status).toBe('True');
    }
  });
}

describe('the loss of a node', () => {
  it('takes its endpoints out within 2 s and replaces its pods within 5 s', async () => {
    const start = performance.now();
    silence('host-2');
    await eventually(async () => expect(await readyEndpoints()).not.toContain('host-2'));
    const outMs = performance.now() - start;
    await eventually(async () => {
      expect(await readyEndpoints()).toHaveLength(3);
      expect(await readyEndpoints()).not.toContain('host-2');
    });
    const replacedMs = performance.now() - start;
    testLogger.info({ outMs, replacedMs }, 'failover');
    expect(outMs).toBeLessThan(2_000);
    expect(replacedMs).toBeLessThan(5_000);
    const node = await nodeOf('host-2');
    expect(nodeCondition(node, 'Ready')).toMatchObject({ status: 'Unknown', reason: 'NodeStatusUnknown' });
    expect(node.spec.taints?.map(({ key }) => key)).toContain(nodeDeadTaint);
    await heal('host-2');
    expect(await webPods()).toHaveLength(3);
  });

  it('is not believed of most nodes at once: endpoints and pods stay, and Ready comes back', async () => {
    const before = (await webPods()).map(({ metadata }) => metadata.uid).sort();
    silence(...hosts);
    await eventually(async () => {
      for (const node of await allNodes()) expect(nodeCondition(node, silentCondition)?.status).toBe('True');
    });
    // The time after which a single one would be dead and its pods replaced.
    await delay(systemClock, 2_000);
    expect(await readyEndpoints()).toHaveLength(3);
    for (const node of await allNodes())
      expect((node.spec.taints ?? []).some(({ effect }) => effect === 'NoExecute')).toBe(false);
    for (const host of hosts) guards.muted.delete(host);
    await eventually(async () => {
      for (const node of await allNodes()) expect(nodeCondition(node, 'Ready')?.status).toBe('True');
    });
    await heal(...hosts);
    expect((await webPods()).map(({ metadata }) => metadata.uid).sort()).toEqual(before);
  });
});

describe('a pause of the detector', () => {
  it('of four seconds makes no node NotReady', async () => {
    const faults: string[] = [];
    const watching = new AbortController();
    const watched = (async () => {
      for await (const { type, object } of admin.watch(nodes, {}, watching.signal))
        if (type === 'MODIFIED' && nodeCondition(object, 'Ready')?.status !== 'True')
          faults.push(object.metadata.name);
    })();
    detector.kill('SIGSTOP');
    await delay(systemClock, 4_000);
    detector.kill('SIGCONT');
    await delay(systemClock, 3_000);
    watching.abort();
    await watched;
    expect(faults).toEqual([]);
  });
});
