import { expect, it } from 'vitest';
import type { Pod } from '../../api/generated/core-v1.ts';
import { ManualClock } from '../../test/support/manual-clock.ts';
import { addressOf, createHollowNode } from './hollow-node.ts';
import { switchNode } from './hollow-nodes.ts';
import { followersOfAll } from './peer-names.ts';
import { PodAddresses } from './pod-addresses.ts';
import { acceptedStatusOf, endedStatusOf, runningStatusOf, stepOf } from './pod-step.ts';
import { Rota } from './rota.ts';
import { SharedLines } from './shared-lines.ts';
import { Turns } from './turns.ts';

const pod = (changes: Partial<Pod> = {}): Pod => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name: 'web', namespace: 'default', uid: 'u1', resourceVersion: '1', creationTimestamp: '' },
  spec: { containers: [{ name: 'main', image: 'nginx' }] },
  ...changes,
});
const nowMs = Date.parse('2026-01-01T00:00:10.700Z');
const running = (bootedAtMs = 0, from = pod()): Pod => ({
  ...from,
  status: runningStatusOf(from, { ip: '10.1.0.2', hostIp: '198.18.0.1', bootedAtMs, nowMs }),
});

it('accepts a bound pod, starts it, keeps a running one, ends a deleted one', () => {
  const deleted = { ...pod().metadata, deletionTimestamp: '2026-01-01T00:00:00Z' };
  expect(stepOf(pod(), 0)).toBe('accept');
  const accepted = pod({ status: acceptedStatusOf(pod(), '198.18.0.1', nowMs) });
  expect(stepOf(accepted, 0)).toBe('start');
  expect(endedStatusOf(accepted, nowMs)).toBeUndefined();
  expect(stepOf(running(), 0)).toBe('keep');
  expect(stepOf(pod({ metadata: deleted }), 0)).toBe('end');
  expect(stepOf(pod({ status: { phase: 'Succeeded' } }), 0)).toBe('nothing');
});

it('restarts once what had started before the boot', () => {
  const bootedAtMs = nowMs + 5_000;
  const before = running();
  expect(stepOf(before, bootedAtMs)).toBe('start');
  const status = runningStatusOf(before, {
    ip: '10.1.0.2',
    hostIp: '198.18.0.1',
    bootedAtMs,
    nowMs: nowMs + 5_200,
  });
  expect(status.containerStatuses?.[0]).toMatchObject({ restartCount: 1, ready: true });
  expect(stepOf({ ...before, status }, bootedAtMs)).toBe('keep');
});

it('tells that containers have ended before it deletes their pod', () => {
  const ended = endedStatusOf(running(), nowMs);
  expect(ended).toMatchObject({ phase: 'Failed', podIP: '10.1.0.2' });
  expect(ended?.containerStatuses?.[0]).toMatchObject({
    ready: false,
    state: { terminated: { exitCode: 143, startedAt: '2026-01-01T00:00:10Z' } },
  });
});

it('says again that a pod is ready when somebody else said it is not', () => {
  const lost = running();
  const conditions = [{ type: 'Ready', status: 'False' }];
  const told = { ...lost, status: { ...lost.status, conditions } };
  expect(stepOf(told, 0)).toBe('start');
  expect(running(0, told).status?.containerStatuses?.[0]?.restartCount).toBe(0);
});

it('gives the lowest free address of the range, and the same one again', () => {
  const addresses = new PodAddresses();
  addresses.keep('n', 'a', '10.130.7.2');
  expect(addresses.assign('n', 'b', '10.130.7.0/24')).toBe('10.130.7.3');
  expect(addresses.assign('n', 'a', '10.130.7.0/24')).toBe('10.130.7.2');
  addresses.release('n', 'a');
  expect(addresses.assign('n', 'c', '10.130.7.0/24')).toBe('10.130.7.2');
  expect(() => new PodAddresses().assign('n', 'a', '10.0.0.0/31')).toThrow('no free address');
});

it('boots a node that was dead, and only renews what was cut', () => {
  const node = createHollowNode(3, Buffer.from('00', 'hex'));
  expect(node).toMatchObject({ name: 'hollow-3', address: '198.18.0.3' });
  expect(addressOf(70_000)).toBe('198.19.17.112');
  expect(switchNode(node, { 'hollow-3': 'dead' }, 1_000)).toBe(false);
  expect(switchNode(node, {}, 2_000)).toBe(true);
  expect(node.bootedAtMs).toBe(2_000);
  switchNode(node, { 'hollow-3': 'cut' }, 3_000);
  expect(switchNode(node, {}, 4_000)).toBe(true);
  expect(node.bootedAtMs).toBe(2_000);
});

it('gives each a turn in every period, and makes up for one period at most', async () => {
  const clock = new ManualClock();
  const turns: number[] = [];
  const stop = new AbortController();
  const rota = new Rota({ clock, periodMs: 500, count: 100, visit: (index) => turns.push(index) });
  const done = rota.run(stop.signal);
  await clock.advance(500);
  expect(turns).toEqual(Array.from({ length: 100 }, (_, n) => n));
  stop.abort();
  await done;
});

it('decodes lines that many nodes read once', () => {
  const lines = new SharedLines(0);
  const request = { method: 'GET', path: '/api/v1/services' } as const;
  const first = lines.decode(request, '{"type":"ADDED"}');
  expect(first).toEqual({ type: 'ADDED' });
  expect(lines.decode(request, '{"type":"ADDED"}')).toBe(first);
  for (let n = 0; n < 1_024; n += 1) lines.decode(request, `{"n":${n}}`);
  expect(lines.decode(request, '{"type":"ADDED"}')).not.toBe(first);
  expect(() => lines.decode(request, '{')).toThrow('answer is not JSON');
});

it('lets all of a thousand nodes follow all peers, and of more so many that the feed is shown', () => {
  const names = (count: number): readonly string[] => Array.from({ length: count }, (_, n) => `hollow-${n}`);
  expect([...followersOfAll(names(1_000))]).toEqual(names(1_000));
  expect([...followersOfAll(names(1_001))]).toEqual(names(200));
});

it('lets so many at a time, the others in their order, and waits for nobody for ever', async () => {
  const clock = new ManualClock();
  const turns = new Turns({ limit: 2, patienceMs: 100, clock });
  const order: number[] = [];
  const enter = async (n: number): Promise<() => void> => {
    const leave = await turns.enter();
    order.push(n);
    return leave;
  };
  const [first, second, third, fourth] = [1, 2, 3, 4].map(enter);
  (await first)?.();
  (await first)?.();
  await third;
  expect(order).toEqual([1, 2, 3]);
  (await second)?.();
  await fourth;
  expect(order).toEqual([1, 2, 3, 4]);
  const fifth = enter(5);
  await clock.advance(99);
  expect(order).toHaveLength(4);
  await clock.advance(1);
  await fifth;
  expect(order).toHaveLength(5);
});
