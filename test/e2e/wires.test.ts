import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { must, runToEnd, TestCluster } from './cluster.ts';

const clusters = [
  new TestCluster({ name: 'e2ewirea', port: 16_460 }),
  new TestCluster({ name: 'e2ewireb', port: 16_461 }),
] as const;
const [first, second] = clusters;
/** A table of the test's own: the machine's rules stay as they are. */
const firewall = 'e2ewires';

beforeAll(async () => {
  await Promise.all(clusters.map((cluster) => cluster.down()));
  const ups = await Promise.all(clusters.map((cluster) => cluster.up('--hosts', '2', '--no-example')));
  for (const up of ups) must(up, 'deploy/up');
});
afterAll(async () => {
  await runToEnd('nft', ['delete', 'table', 'ip', firewall]);
  for (const cluster of clusters) must(await cluster.down(), 'deploy/down');
});

const subnetOf = async (cluster: TestCluster): Promise<string> => {
  const addresses = [...(await cluster.addresses()).values()];
  const subnets = new Set(addresses.map((address) => address.split('.').slice(0, 3).join('.')));
  expect(subnets.size).toBe(1);
  return [...subnets].join();
};

describe('the wire between hosts', () => {
  it('is another one for each of two clusters that come up at the same moment', async () => {
    expect(await subnetOf(first)).not.toBe(await subnetOf(second));
    for (const cluster of clusters) {
      const nodes = await cluster.objects<{ metadata: { name: string } }>('nodes');
      expect(nodes.map(({ metadata }) => metadata.name).sort()).toEqual(['host-1', 'host-2']);
    }
  });

  it('carries frames where the machine forwards nothing', async () => {
    const subnet = await subnetOf(first);
    const rules = `table ip ${firewall} {
      chain forward { type filter hook forward priority filter; policy accept; ip saddr ${subnet}.0/24 drop; }
    }`;
    must(await runToEnd('nft', ['-f', '-'], { input: rules }), 'nft');
    const netns = `--net=/run/netns/${first.name}-host-1`;
    const other = (await first.addresses()).get('host-2') ?? '';
    const connect = ['socat', '-u', '/dev/null', `TCP:${other}:10250,connect-timeout=2`];
    must(await runToEnd('nsenter', [netns, ...connect]), `connect to the agent on ${other}`);
  });
});
