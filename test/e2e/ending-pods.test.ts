import { once } from 'node:events';
import { readdirSync, readFileSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Pod } from '../../api/generated/core-v1.ts';
import { eventually } from '../support/eventually.ts';
import { must, TestCluster } from './cluster.ts';
import { type Asked, LoadClient } from './load.ts';

const cluster = new TestCluster({ name: 'e2eend', port: 16_451 });
/** At most so long may a pod's end be put off. */
const maxLeavingMs = 2_000;

beforeAll(async () => {
  await cluster.down();
  must(await cluster.up(), 'deploy/up');
});
afterAll(async () => {
  must(await cluster.down(), 'deploy/down');
});

const nginxPods = (): Promise<Pod[]> => cluster.objects<Pod>('pods', '-l', 'app=nginx');

async function scaleTo(replicas: number): Promise<void> {
  await cluster.kubectlOut('scale', 'deployment/nginx', `--replicas=${replicas}`);
  await settled(replicas);
}

/** Exactly so many pods, none of them ending. */
async function settled(replicas: number): Promise<void> {
  await cluster.kubectlOut('rollout', 'status', 'deployment/nginx');
  await eventually(async () => expect(await nginxPods()).toHaveLength(replicas), 30_000);
}

/** Does `change` while every node is asked 50 times a second. @returns what failed, and how many were asked */
async function underLoad(change: () => Promise<void>): Promise<{ failures: Asked[]; asked: number }> {
  const load = new LoadClient([...(await cluster.addresses()).values()]);
  try {
    await eventually(() => expect(load.asked.length).toBeGreaterThan(50));
    await change();
    await load.stop();
    return { failures: load.failuresSince(0), asked: load.asked.length };
  } finally {
    await load.stop();
  }
}

/** Requests of which a part is still to be sent, over so many connections through every node. */
async function beginRequests(each: number): Promise<Socket[]> {
  const addresses = [...(await cluster.addresses()).values()];
  const sockets = addresses.flatMap((host) =>
    Array.from({ length: each }, () => connect({ host, port: 80 })),
  );
  for (const socket of sockets) {
    await once(socket, 'connect');
    socket.write('GET / HTTP/1.0\r\n');
  }
  return sockets;
}

async function endRequest(socket: Socket): Promise<string> {
  socket.setEncoding('utf8');
  socket.write('\r\n');
  let answer = '';
  for await (const text of socket) answer += text;
  return answer.split('\r\n')[0] ?? '';
}

/** How long each pod that has ended so far was kept until it got no new connections, in milliseconds. */
function leavingTimes(): number[] {
  const directory = join(cluster.state, 'log');
  return readdirSync(directory)
    .filter((name) => name.startsWith('node-agent-'))
    .flatMap((name) => readFileSync(join(directory, name), 'utf8').split('\n'))
    .filter((line) => line.includes('"left services"'))
    .map((line) => (JSON.parse(line) as { waitedMs: number }).waitedMs)
    .sort((left, right) => left - right);
}

describe('pods that end under load', () => {
  it('lose no request when a deployment is scaled from 4 to 2 and back', async () => {
    await scaleTo(4);
    const { failures, asked } = await underLoad(async () => {
      await scaleTo(2);
      await scaleTo(4);
    });
    expect(failures).toEqual([]);
    expect(asked).toBeGreaterThan(100);
  });

  it('lose no request in a rolling restart', async () => {
    const { failures } = await underLoad(async () => {
      await cluster.kubectlOut('rollout', 'restart', 'deployment/nginx');
      await settled(4);
    });
    expect(failures).toEqual([]);
  });

  it('lose no request when pods are deleted by hand', async () => {
    const { failures } = await underLoad(async () => {
      const [first, second] = (await nginxPods()).map(({ metadata }) => metadata.name);
      await cluster.kubectlOut('delete', 'pod', first ?? '', second ?? '');
      await settled(4);
    });
    expect(failures).toEqual([]);
  });

  it('answer what was begun before they began to end', async () => {
    const before = (await nginxPods()).map(({ metadata }) => metadata.uid);
    const left = leavingTimes().length;
    const sockets = await beginRequests(4);
    await cluster.kubectlOut('rollout', 'restart', 'deployment/nginx');
    await cluster.kubectlOut('rollout', 'status', 'deployment/nginx');
    await eventually(async () => {
      const old = (await nginxPods()).filter(({ metadata }) => before.includes(metadata.uid));
      expect(old.filter(({ metadata }) => metadata.deletionTimestamp === undefined)).toEqual([]);
      expect(leavingTimes().length).toBeGreaterThanOrEqual(left + before.length);
    });
    const answers = await Promise.all(sockets.map(endRequest));
    expect(new Set(answers)).toEqual(new Set(['HTTP/1.1 200 OK']));
    await settled(4);
  });

  it('do not wait longer than 2 s for a detector that does not answer', async () => {
    const detector = cluster.pid('detector-1') ?? 0;
    process.kill(detector, 'SIGSTOP');
    try {
      const { failures } = await underLoad(() => scaleTo(3));
      expect(failures).toEqual([]);
    } finally {
      process.kill(detector, 'SIGCONT');
    }
    const longest = leavingTimes().at(-1) ?? 0;
    expect(longest).toBeGreaterThanOrEqual(maxLeavingMs - 100);
    expect(longest).toBeLessThan(maxLeavingMs + 1_000);
  });

  it('are kept for a fraction of a second only', () => {
    const times = leavingTimes();
    const median = times[Math.floor(times.length / 2)] ?? 0;
    process.stdout.write(
      `pods kept ${median} ms in the median of ${times.length}, ${times.at(-2)} ms at most while a detector answered\n`,
    );
    expect(times.length).toBeGreaterThan(6);
    expect(median).toBeLessThan(maxLeavingMs / 2);
  });
});
