import { ApiServerProcess } from '../../support/api-server-process.ts';
import { CpuQuota } from '../../support/cpu-quota.ts';
import { EtcdProcess } from '../../support/etcd-process.ts';
import { type Hammering, startHammer, UserClient, userPair } from '../../support/hammering.ts';
import { bindEverywhere } from '../../support/user-rights.ts';
import { usageOf } from './api-load.ts';
import type { Figure } from './figures.ts';

export interface FairnessLoad {
  readonly connections: number;
  /** Under way on each of them, over HTTP/2; 0: one, over HTTP/1.1. */
  readonly streams: number;
}

export interface FairnessOptions {
  readonly program: string;
  readonly seconds: number;
  /** Under load before it is measured, with a whole core. */
  readonly warmUpSeconds: number;
  readonly periodUs: number;
  readonly fairness: boolean;
  readonly load: FairnessLoad | undefined;
}

export interface FairnessResult {
  /** Of the other user's requests, each until it was carried out, 429s and their pauses included. */
  readonly latenciesMs: readonly number[];
  readonly refusedOthers: number;
  readonly planeLatenciesMs: readonly number[];
  readonly planeRefusals: number;
  readonly hammered: Readonly<Record<string, number>>;
  /** Of the hammer's answers. */
  readonly hammeredMeanMs: number;
  /** The most within the second and within the last third of the time. */
  readonly residentMb: readonly [number, number];
  readonly peakMb: number;
}

const half = 0.5;
/** It is stopped when what is measured beside it is over; opening its connections takes a while, too. */
const spareSeconds = 60;
/** The other user asks so often. */
const pauseMs = 10;
const planePauseMs = 50;
const kubernetesLimits = ['--max-requests-inflight=400', '--max-mutating-requests-inflight=200'];

export async function measureFairness(options: FairnessOptions): Promise<FairnessResult> {
  return await underQuota(options, (running) => measure(running, options));
}

/** A server with half a core, used for a while, and what is measured of it. */
export interface RunningServer {
  readonly server: ApiServerProcess;
  /** Gives this process, and what it starts from now on, as much of the machine as the server and its store have. */
  hurry(): void;
}

export type QuotaOptions = Pick<FairnessOptions, 'program' | 'warmUpSeconds' | 'periodUs' | 'fairness'>;

export async function underQuota<T>(
  options: QuotaOptions,
  use: (running: RunningServer) => Promise<T>,
): Promise<T> {
  const flags = options.fairness ? [] : ['--enable-priority-and-fairness=false', ...kubernetesLimits];
  const etcd = await EtcdProcess.start();
  const server = await ApiServerProcess.start({ etcdServers: etcd.url, program: options.program, flags });
  const { periodUs } = options;
  const name = `coracle-bench-${process.pid}`;
  const quota = new CpuQuota(name, { periodUs, quotaUs: periodUs * half });
  const beside = new CpuQuota(`${name}-beside`, { periodUs, quotaUs: undefined });
  try {
    const admin = await server.client('admin');
    for (const name of ['hammer', 'jane']) await bindEverywhere(admin, { name, user: name, role: 'admin' });
    await warmUp(server, options.warmUpSeconds);
    quota.add(server.pid() ?? 0);
    beside.add(etcd.pid ?? 0);
    return await use({ server, hurry: () => beside.add(process.pid) });
  } finally {
    await server.stop();
    await etcd.stop();
    quota.remove();
    beside.remove();
  }
}

async function measure({ server, hurry }: RunningServer, options: FairnessOptions): Promise<FairnessResult> {
  const pair = await userPair(server, 'hammer');
  const jane = await UserClient.connect(server, 'jane');
  const load = options.load;
  // The hammer as well, which takes what these leave: starved by others it would be no load.
  hurry();
  const hammering: Hammering | undefined =
    load &&
    (await startHammer({ ...load, ...pair, seconds: options.seconds + spareSeconds, port: server.port }));
  const end = performance.now() + options.seconds * 1_000;
  const [others, plane, resident] = await Promise.all([
    askUntil(jane, end),
    planeUntil(server, end),
    residentUntil(server.pid() ?? 0, end),
  ]);
  hammering?.stop();
  const counted = await hammering?.counted;
  jane.close();
  return {
    latenciesMs: others.latenciesMs,
    refusedOthers: others.refused,
    planeLatenciesMs: plane.latenciesMs,
    planeRefusals: plane.refused,
    hammered: counted?.statuses ?? {},
    hammeredMeanMs: counted?.meanMs ?? 0,
    residentMb: [mostWithin(resident, 1), mostWithin(resident, 2)],
    peakMb: Math.max(...resident),
  };
}

/** A server in use has its code compiled. */
async function warmUp(server: ApiServerProcess, seconds: number): Promise<void> {
  const pair = await userPair(server, 'hammer');
  const load = { connections: 20, streams: 4, seconds };
  await (await startHammer({ ...load, ...pair, port: server.port })).counted;
}

interface Seen {
  readonly latenciesMs: number[];
  refused: number;
}

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

/** Reads and writes in turn. */
async function askUntil(user: UserClient, endMs: number): Promise<Seen> {
  const seen: Seen = { latenciesMs: [], refused: 0 };
  for (let at = 0; performance.now() < endMs; at += 1) {
    const start = performance.now();
    const refused = at % 2 === 0 ? await user.read() : await user.write();
    seen.latenciesMs.push(performance.now() - start);
    seen.refused += refused;
    await pause(pauseMs);
  }
  return seen;
}

/** What the control plane does all the time: leases renewed, lists, writes. */
async function planeUntil(server: ApiServerProcess, endMs: number): Promise<Seen> {
  const seen: Seen = { latenciesMs: [], refused: 0 };
  const lane = async (name: 'scheduler' | 'controllers'): Promise<void> => {
    const user = await UserClient.connect(server, name);
    while (performance.now() < endMs) {
      const start = performance.now();
      seen.refused += await user.renewLease();
      seen.refused += await user.list('/api/v1/nodes');
      seen.latenciesMs.push((performance.now() - start) / 2);
      await pause(planePauseMs);
    }
    user.close();
  };
  await Promise.all([lane('scheduler'), lane('controllers')]);
  return seen;
}

async function residentUntil(pid: number, endMs: number): Promise<number[]> {
  const seen: number[] = [];
  while (performance.now() < endMs) {
    seen.push(usageOf(pid).residentMb);
    await pause(250);
  }
  return seen;
}

export function percentile(values: readonly number[], share: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN;
}

/** Of three thirds. */
function mostWithin(values: readonly number[], third: number): number {
  const at = (nth: number): number => Math.floor((values.length * nth) / 3);
  return Math.max(...values.slice(at(third), at(third + 1)));
}

const p99 = (values: readonly number[]): number => percentile(values, 0.99);

/** By what was beside them; `fairness off` is what the others are compared with. */
export function fairnessFigures(results: Readonly<Record<string, FairnessResult>>): Figure[] {
  const figures: Figure[] = [];
  const add = (name: string, unit: Figure['unit'], value: number, goal?: number): void =>
    void figures.push({ name, unit, values: [value], ...(goal === undefined ? {} : { goal }) });
  for (const [name, result] of Object.entries(results)) {
    const [goal, none] = name === fairnessOff ? [] : [50, 0];
    add(`${name}: another user, median`, 'ms', percentile(result.latenciesMs, 0.5));
    add(`${name}: another user, p99`, 'ms', p99(result.latenciesMs), goal);
    add(`${name}: another user, most`, 'ms', Math.max(...result.latenciesMs));
    add(`${name}: another user's requests`, '', result.latenciesMs.length);
    add(`${name}: control plane, p99`, 'ms', p99(result.planeLatenciesMs));
    add(`${name}: 429 to the control plane`, '', result.planeRefusals, none);
    add(`${name}: 429 to another user`, '', result.refusedOthers);
    add(`${name}: memory, most in the second third`, 'MB', result.residentMb[0]);
    add(`${name}: memory, most in the last third`, 'MB', result.residentMb[1]);
    if (result.hammeredMeanMs > 0) add(`${name}: hammer's answers, mean`, 'ms', result.hammeredMeanMs);
    for (const [status, count] of Object.entries(result.hammered))
      add(`${name}: hammer's ${status}`, '', count);
  }
  const [off, on] = [results[fairnessOff], results[hammered]];
  if (off !== undefined && on !== undefined)
    add('p99 with fairness off against on', '', p99(off.latenciesMs) / p99(on.latenciesMs), 10);
  return figures;
}

export const hammered = '500 connections';
export const fairnessOff = 'fairness off';
