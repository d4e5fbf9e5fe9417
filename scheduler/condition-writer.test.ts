import { expect, it } from 'vitest';
import type { Pod } from '../api/generated/core-v1.ts';
import { conflict } from '../api/status-error.ts';
import { silentLogger } from '../base/logger.ts';
import { ManualClock } from '../test/support/manual-clock.ts';
import { aPod } from '../test/support/scheduling-objects.ts';
import { ConditionWriter, type ConditionWriterOptions } from './condition-writer.ts';

const seen = aPod({ name: 'a' });
const at = (resourceVersion: string, nodeName?: string): Pod => ({
  ...seen,
  metadata: { ...seen.metadata, resourceVersion },
  spec: { ...seen.spec, ...(nodeName === undefined ? {} : { nodeName }) },
});

/** @returns the versions that were written */
async function write(reported: Pod, stored: Pod): Promise<string[]> {
  const written: string[] = [];
  const client: ConditionWriterOptions['client'] = {
    patch: async (type, _, { body }) => {
      const { resourceVersion } = (body as Pod).metadata;
      if (resourceVersion !== stored.metadata.resourceVersion) throw conflict(type, 'a', 'changed');
      written.push(resourceVersion);
      return stored as never;
    },
    get: async () => stored as never,
  };
  const writer = new ConditionWriter({ client, clock: new ManualClock(), logger: silentLogger });
  writer.report({ pod: reported, reason: 'Unschedulable', message: 'no node' });
  await writer.drain();
  return written;
}

it('says of which generation of the pod it speaks, and again of the next one', async () => {
  const bodies: Pod[] = [];
  const client: ConditionWriterOptions['client'] = {
    patch: async (_, __, { body }) => {
      bodies.push(body as Pod);
      return seen as never;
    },
    get: async () => seen as never,
  };
  const writer = new ConditionWriter({ client, clock: new ManualClock(), logger: silentLogger });
  const told = (generation: number, conditions: object[] = []): Pod =>
    ({ ...seen, metadata: { ...seen.metadata, generation }, status: { ...seen.status, conditions } }) as Pod;
  const report = async (pod: Pod): Promise<void> => {
    writer.report({ pod, reason: 'Unschedulable', message: 'no node' });
    await writer.drain();
  };
  await report(told(1));
  const [condition] = bodies[0]?.status?.conditions ?? [];
  expect(condition).toMatchObject({ status: 'False', observedGeneration: 1 });
  await report(told(1, [condition ?? {}]));
  expect(bodies).toHaveLength(1);
  await report(told(2, [condition ?? {}]));
  expect(bodies[1]?.status?.conditions?.[0]?.observedGeneration).toBe(2);
});

it.each([
  ['what was seen is written to', at('1'), at('1'), ['1']],
  ['what has changed meanwhile is looked at again', at('1'), at('2'), ['2']],
  ['what has been bound meanwhile is left alone', at('1'), at('2', 'n'), []],
])('of the pod %s', async (_, reported, stored, versions) => {
  expect(await write(reported, stored)).toEqual(versions);
});
