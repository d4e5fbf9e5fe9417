import { existsSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Event, Pod } from '../../api/generated/core-v1.ts';
import { eventually } from '../support/eventually.ts';
import { root } from '../tidy/source-files.ts';
import { must, runToEnd, TestCluster } from './cluster.ts';
import { LoadClient } from './load.ts';
import { isReady } from './losses.ts';

const cluster = new TestCluster({ name: 'e2erebal', port: 17_980 });
const waitMs = 60_000;
const replicas = 6;

beforeAll(async () => {
  await cluster.down();
  must(await cluster.up('--hosts', '3'), 'deploy/up');
});
afterAll(async () => {
  must(await cluster.down(), 'deploy/down');
});

/** The scheduler begins anew, with this configuration. */
async function restartScheduler(configuration: object): Promise<void> {
  const unit = join(cluster.state, 'units', 'scheduler-1.json');
  const file = join(cluster.state, 'scheduler.json');
  const { command, ...rest } = JSON.parse(readFileSync(unit, 'utf8')) as { command: string[] };
  writeFileSync(file, JSON.stringify(configuration));
  rmSync(unit);
  await eventually(() => expect(existsSync(join(cluster.state, 'run', 'scheduler-1.pid'))).toBe(false));
  const plain = command.filter((argument) => !argument.startsWith('--config='));
  writeFileSync(`${unit}.new`, JSON.stringify({ ...rest, command: [...plain, `--config=${file}`] }));
  renameSync(`${unit}.new`, unit);
}

const rebalancing = (mode: string): object => ({
  apiVersion: 'kubescheduler.config.k8s.io/v1',
  kind: 'KubeSchedulerConfiguration',
  profiles: [{ schedulerName: 'default-scheduler', rebalancing: mode }],
  rebalancing: { movesPerMinute: 60, settleSeconds: 3 },
});

const running = async (): Promise<Pod[]> =>
  (await cluster.objects<Pod>('pods', '-l', 'app=nginx')).filter(isReady);

/** Ready pods by host, in the order of the hosts. */
async function spread(): Promise<number[]> {
  const pods = await running();
  return ['host-1', 'host-2', 'host-3'].map(
    (host) => pods.filter(({ spec }) => spec.nodeName === host).length,
  );
}

const spreadIs = (...wanted: number[]): Promise<void> =>
  eventually(async () => expect(await spread()).toEqual(wanted), waitMs);

describe('rebalancing', () => {
  it('advises only, and when it is on brings pods back to a returned host without losing a request', async () => {
    await restartScheduler(rebalancing('advise'));
    must(await cluster.kubectl(['scale', 'deploy/nginx', `--replicas=${replicas}`]), 'scale');
    await spreadIs(2, 2, 2);
    await cluster.host('kill', 'host-3');
    await spreadIs(3, 3, 0);
    await cluster.host('start', 'host-3');
    const stayed = (await running()).map(({ metadata }) => metadata.uid).sort();

    await eventually(async () => {
      const events = await cluster.objects<Event>('events', '--field-selector=reason=RebalanceAdvised');
      expect(events.map(({ message }) => message)).toContainEqual(
        expect.stringMatching(/^would move from host-[12] to host-3: fewer replicas of its owner are there$/),
      );
    }, waitMs);
    const options = { environment: { KUBECONFIG: cluster.kubeconfig } };
    const plan = await runToEnd(join(root, 'bin/kubectl-lite'), ['rebalance', '--plan'], options);
    expect(must(plan, 'rebalance --plan').stdout).toMatch(/default\/nginx-\S+ +host-1 +host-3 +spread/);
    expect((await running()).map(({ metadata }) => metadata.uid).sort()).toEqual(stayed);

    const addresses = await cluster.addresses();
    const load = new LoadClient([...addresses.values()], 25);
    try {
      await eventually(() => expect(load.asked.length).toBeGreaterThan(50));
      await restartScheduler(rebalancing('on'));
      await spreadIs(2, 2, 2);
      await eventually(async () =>
        expect(await cluster.objects<Pod>('pods', '-l', 'app=nginx')).toHaveLength(replicas),
      );
    } finally {
      await load.stop();
    }
    expect(load.failuresSince(0)).toEqual([]);
    expect(load.asked.length).toBeGreaterThan(100);
    // Four pods never moved: no more was done than had to be.
    const kept = (await running()).filter(({ metadata }) => stayed.includes(metadata.uid));
    expect(kept).toHaveLength(4);
  });
});
