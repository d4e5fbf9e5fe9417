/**
 * How much more a placement costs with many nodes than with few. Both clusters get the same pods, and each lives in a
 * process of its own, so that neither's feedback compiles the other's code. They take turns of some 50 ms, and it is the
 * two turns of one pair that are compared: what disturbs the machine for longer disturbs both. CPU time, with what the
 * collector's threads take. Run by itself this file is one of the two clusters.
 */
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { nodeOptionsOf } from '../../../deploy/node-options.ts';
import { median } from './figures.ts';
import { PlacementLoop } from './scheduling-core.ts';
import { schedulingWorkloads } from './scheduling-workloads.ts';

/** Turns until all code is compiled; with many nodes it takes ten. */
const warmUps = 12;
/** Each gives one figure: the median of its pairs. */
const runs = 5;
const pairsPerRun = 7;
export const fewNodes = 50;

export interface Growth {
  /** Placements per second of CPU with many nodes, by run. */
  readonly rates: readonly number[];
  /** Percent that a placement costs more with many nodes than with few, by run. */
  readonly percents: readonly number[];
}

/** @param name of one of `schedulingWorkloads` */
export async function growthOf(name: string, manyNodes: number): Promise<Growth> {
  const few = clusterOf(fewNodes, name);
  const many = clusterOf(manyNodes, name);
  try {
    for (let i = 0; i < warmUps; i += 1) for (const each of [few, many]) await turnOf(each);
    const rates: number[] = [];
    const percents: number[] = [];
    for (let run = 0; run < runs; run += 1) {
      const pairs: [number, number][] = [];
      for (let i = 0; i < pairsPerRun; i += 1) pairs.push([await turnOf(few), await turnOf(many)]);
      rates.push(1 / median(pairs.map(([, seconds]) => seconds)));
      percents.push(median(pairs.map(([before, after]) => (after / before - 1) * 100)));
    }
    return { rates, percents };
  } finally {
    few.kill();
    many.kill();
  }
}

const clusterOf = (nodeCount: number, name: string): ChildProcess =>
  fork(import.meta.filename, [`${nodeCount}`, name], { execArgv: [...nodeOptionsOf('scheduler')] });

/** Seconds a placement. */
async function turnOf(cluster: ChildProcess): Promise<number> {
  const answered = once(cluster, 'message');
  cluster.send('go');
  const [seconds] = await answered;
  if (typeof seconds !== 'number') throw new Error('a cluster of the growth bench gave no figure');
  return seconds;
}

const [nodeCount, name] = process.argv.slice(2);
const workload = schedulingWorkloads.find((each) => each.name === name);
if (process.send !== undefined && workload !== undefined) {
  const loop = new PlacementLoop(Number(nodeCount), workload);
  process.on('message', () => process.send?.(loop.turn()));
}
