import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { eventually } from '../support/eventually.ts';
import { must, TestCluster } from './cluster.ts';

const cluster = new TestCluster({ name: 'e2esrv', port: 16_453 });
const settings = ['--hosts', '2', '--servers', '3'];

beforeAll(async () => {
  await cluster.down();
  must(await cluster.up(...settings), 'deploy/up');
});
afterAll(async () => {
  must(await cluster.down(), 'deploy/down');
});

interface Lease {
  readonly spec: { readonly holderIdentity?: string };
}
interface Named {
  readonly metadata: { readonly name: string; readonly uid: string };
  readonly spec?: { readonly podCIDR?: string };
  readonly status: { readonly conditions?: readonly { readonly type: string; readonly status: string }[] };
}

const pidOf = (unit: string): number => {
  const pid = cluster.pid(unit);
  if (pid === undefined) throw new Error(`${unit} does not run`);
  return pid;
};
const runs = (pid: number): boolean => {
  try {
    return process.kill(pid, 0);
  } catch {
    return false; // ESRCH
  }
};
const leaderOf = async (lease: string): Promise<string> =>
  (await cluster.objects<Lease>('lease', lease, '-n', 'kube-system'))[0]?.spec.holderIdentity ?? '';

/** Kills a process for good: the supervisor stands still until `meanwhile` is done, and then starts it again. */
async function without(unit: string, meanwhile: () => Promise<void>): Promise<void> {
  const supervisor = pidOf('supervisor-1');
  const pid = pidOf(unit);
  process.kill(supervisor, 'SIGSTOP');
  try {
    process.kill(pid, 'SIGKILL');
    await meanwhile();
  } finally {
    process.kill(supervisor, 'SIGCONT');
  }
  await eventually(() => {
    expect(pidOf(unit)).not.toBe(pid);
    expect(runs(pidOf(unit))).toBe(true);
  }, 20_000);
}

async function expectReady(): Promise<void> {
  await eventually(async () => {
    for (const node of await cluster.objects<Named>('nodes'))
      expect(node.status.conditions?.find(({ type }) => type === 'Ready')?.status).toBe('True');
    expect(await cluster.kubectlOut('get', 'deployment', 'nginx')).toMatch(/nginx\s+3\/3/);
  }, 30_000);
}

const write = (value: string): Promise<string> =>
  cluster.kubectlOut(
    'annotate',
    'node',
    'host-1',
    `written=${value}`,
    '--overwrite',
    '--request-timeout=10s',
  );

const parts = [
  ['scheduler', 'kube-scheduler'],
  ['controllers', 'kube-controller-manager'],
  ['detector', 'coracle-detector'],
] as const;

describe('three servers', () => {
  it('answer, watch and write while one apiserver is dead', async () => {
    await without('apiserver-1', async () => {
      for (const value of ['a', 'b', 'c']) await write(value);
      await cluster.kubectlOut('scale', 'deployment/nginx', '--replicas=4');
      // Controllers, scheduler and agents have all moved their watches, or nothing would come of it.
      await cluster.kubectlOut('rollout', 'status', 'deployment/nginx', '--timeout=20s');
    });
    await cluster.kubectlOut('scale', 'deployment/nginx', '--replicas=3');
    await expectReady();
  });

  it.each(parts)('%s: another one leads when the leader dies', async (part, lease) => {
    const leader = await leaderOf(lease);
    await without(`${part}-${leader.replace('server-', '')}`, async () => {
      await eventually(async () => expect(await leaderOf(lease)).not.toBe(leader), 20_000);
      await cluster.kubectlOut('delete', 'pod', '-l', 'app=nginx', '--wait=false');
      await cluster.kubectlOut('rollout', 'status', 'deployment/nginx', '--timeout=20s');
    });
    await expectReady();
  });

  it('write while one member of etcd is dead', async () => {
    await without('etcd-1', async () => {
      for (const value of ['d', 'e', 'f']) await write(value);
    });
    await expectReady();
  });

  it('replace the pods of a dead host although the leading detector died with it', async () => {
    const leader = await leaderOf('coracle-detector');
    const unit = `detector-${leader.replace('server-', '')}`;
    await without(unit, async () => {
      await cluster.host('kill', 'host-2');
      await eventually(async () => {
        const nodes = await cluster.kubectlOut(
          ...['get', 'pods', '-l', 'app=nginx', '--field-selector=status.phase=Running'],
          ...['-o', 'jsonpath={.items[*].spec.nodeName}'],
        );
        // Those of the dead host stay listed until its agent says that they are gone.
        expect(nodes.split(' ').filter((node) => node === 'host-1')).toHaveLength(3);
      }, 30_000);
    });
    await cluster.host('start', 'host-2');
    await expectReady();
  });
});

describe('a cluster that goes on', () => {
  it('is adopted by `up` when its supervisor was killed', async () => {
    const units = ['etcd-1', 'apiserver-2', 'scheduler-3', 'node-agent-1', 'node-guard-2'];
    const before = units.map(pidOf);
    const supervisor = pidOf('supervisor-1');
    process.kill(supervisor, 'SIGKILL');
    await eventually(() => expect(runs(supervisor)).toBe(false));
    must(await cluster.up(...settings), 'deploy/up');
    expect(pidOf('supervisor-1')).not.toBe(supervisor);
    expect(units.map(pidOf)).toEqual(before);
    // The new supervisor keeps what it found running.
    process.kill(pidOf('scheduler-3'), 'SIGKILL');
    await eventually(() =>
      expect(runs(pidOf('scheduler-3')) && pidOf('scheduler-3') !== before[2]).toBe(true),
    );
  });

  it('comes back with its objects, networks and disks after `down --keep-data`', async () => {
    await cluster.kubectlOut('create', 'configmap', 'kept', '--from-literal=a=b');
    const facts = async (): Promise<unknown> => {
      const nodes = await cluster.objects<Named>('nodes');
      const others = await cluster.objects<Named>('configmaps,deployments,services');
      return [...nodes, ...others].map(({ metadata, spec }) => [metadata.name, metadata.uid, spec?.podCIDR]);
    };
    const before = await facts();
    must(await cluster.down('--keep-data'), 'deploy/down --keep-data');
    must(await cluster.up(...settings), 'deploy/up');
    expect(await facts()).toEqual(before);
    await expectReady();
  });
});
