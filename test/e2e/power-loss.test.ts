import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { eventually } from '../support/eventually.ts';
import { TeardownCapture } from './capture.ts';
import { httpGet, must, TestCluster } from './cluster.ts';

const cluster = new TestCluster({ name: 'e2epower', port: 16_455 });

beforeAll(async () => {
  await cluster.down();
  must(await cluster.up('--hosts', '2'), 'deploy/up');
});
afterAll(async () => {
  must(await cluster.down(), 'deploy/down');
});

/** A connection to nginx that stays open: what a dying kernel would want to close. */
async function openConnection(address: string): Promise<Socket> {
  const socket = connect(80, address);
  socket.on('error', () => undefined); // It dies with the host, one way or the other.
  await once(socket, 'connect');
  socket.write('GET / HTTP/1.1\r\nHost: nginx\r\n\r\n');
  await once(socket, 'data');
  return socket;
}

describe('deploy/host kill', () => {
  it('lets no FIN and no RST out of the host that dies', async () => {
    const address = (await cluster.addresses()).get('host-1') ?? '';
    const capture = await TeardownCapture.start(cluster.name, address);
    try {
      // The capture sees what it looks for: a connection that ends in the ordinary way.
      await httpGet(address);
      await eventually(() => expect(capture.packets.length).toBeGreaterThan(0));
      const open = await openConnection(address);
      // By the time of the packets: what was sent before may be told of later.
      const beforeKill = Date.now() / 1_000;
      await cluster.host('kill', 'host-1');
      // The machine's own view is the proof that time has passed: the node is given up.
      await eventually(async () =>
        expect(
          await cluster.kubectlOut('get', 'node', 'host-1', '-o', 'jsonpath={.spec.taints[*].key}'),
        ).toContain('coracle.dev/node-dead'),
      );
      expect(capture.packets.filter(({ at }) => at > beforeKill)).toEqual([]);
      open.destroy();
    } finally {
      await capture.stop();
    }
  });
});
