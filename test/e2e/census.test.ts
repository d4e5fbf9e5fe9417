import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { eventually } from '../support/eventually.ts';
import { root } from '../tidy/source-files.ts';
import { takeCensus } from './census.ts';
import { must, TestCluster } from './cluster.ts';

const cluster = new TestCluster({ name: 'e2ecensus', port: 16_445 });
const alone = new TestCluster({ name: 'e2ealone', port: 16_446 });

afterAll(async () => {
  await cluster.down();
  await alone.down();
});

describe('deploy/down', () => {
  it('leaves the machine as it was before up', async () => {
    await cluster.down();
    const before = takeCensus(cluster.name);
    must(await cluster.up('--hosts', '2'), 'deploy/up');
    expect(takeCensus(cluster.name)).not.toEqual(before);
    must(await cluster.down(), 'deploy/down');
    expect(takeCensus(cluster.name)).toEqual(before);
    expect(existsSync(cluster.state)).toBe(false);
  });

  it('leaves it so after a crash in the middle of up', async () => {
    const before = takeCensus(cluster.name);
    const up = spawn(join(root, 'deploy/up'), ['--name', cluster.name, '--port', '16445'], {
      stdio: 'ignore',
      detached: true,
    });
    await eventually(
      () => expect(existsSync(join(cluster.state, 'hosts/host-2/host.json'))).toBe(true),
      30_000,
    );
    process.kill(-(up.pid ?? 0), 'SIGKILL');
    must(await cluster.down(), 'deploy/down');
    expect(takeCensus(cluster.name)).toEqual(before);
  });

  it('is content when there is nothing to take down', async () => {
    must(await cluster.down(), 'deploy/down');
  });
});

describe('deploy/up --only etcd,apiserver', () => {
  it('serves the standard namespaces and touches no route', async () => {
    const before = takeCensus(alone.name);
    must(await alone.up('--only', 'etcd,apiserver', '--service-cidr', '10.0.0.0/16'), 'deploy/up');
    const names = (await alone.kubectlOut('get', 'namespaces', '-o', 'name')).trim().split('\n');
    expect(names.sort()).toEqual([
      'namespace/default',
      'namespace/kube-node-lease',
      'namespace/kube-public',
      'namespace/kube-system',
    ]);
    const during = takeCensus(alone.name);
    expect([during['routes'], during['links']]).toEqual([before['routes'], before['links']]);
    expect(during['processes']).not.toEqual(before['processes']);
    must(await alone.down(), 'deploy/down');
    expect(takeCensus(alone.name)).toEqual(before);
  });
});
