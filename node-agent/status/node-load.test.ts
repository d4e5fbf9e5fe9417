import { expect, it } from 'vitest';
import { type HostUsage, someOf } from '../volume/host-usage.ts';
import { NodeLoad } from './node-load.ts';

const pressure = { cpu: 0.25, memory: 0, io: 0.5 };

it("reports the machine's CPU as a rate since the report before, and not of too short a span", async () => {
  let usage: HostUsage = { cpuUsageNanos: 7e9, memoryBytes: 1_000, pressure };
  let nowMs = 0;
  const load = new NodeLoad(
    async () => usage,
    () => nowMs,
  );
  expect(await load.read()).toEqual({ cpuMillis: 0, memoryBytes: 1000, pressure });
  usage = { ...usage, cpuUsageNanos: 9e9, memoryBytes: 2_000 };
  nowMs = 10_000;
  expect(await load.read()).toEqual({ cpuMillis: 200, memoryBytes: 2000, pressure });
  usage = { ...usage, cpuUsageNanos: 9.1e9 };
  nowMs = 10_100;
  expect(await load.read()).toMatchObject({ cpuMillis: 0 });
  usage = { ...usage, cpuUsageNanos: 14e9 };
  nowMs = 20_000;
  expect(await load.read()).toMatchObject({ cpuMillis: 500 });
});

it('reads pressure as the kernel writes it', () => {
  const text =
    'some avg10=41.43 avg60=45.03 avg300=29.42 total=7424218554\nfull avg10=0.00 avg60=0.00 avg300=0.00 total=0';
  expect(someOf(text)).toBeCloseTo(0.4143);
  expect(someOf('')).toBe(0);
});
