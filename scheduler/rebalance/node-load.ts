/** How full a node is, as the scorer of `least-loaded` sees it: half what is requested, half what is really used. Pure. */
import type { NodeInfo } from '../framework/node-info.ts';
import type { PodClass } from '../framework/pod-class.ts';

/** As in NodeResourcesFit. */
const usedShare = 0.5;
const resources = ['cpuMillis', 'memoryBytes'] as const;

/** 0 (empty) to 1 (full), the mean of CPU and memory; more than 1 where more is promised than there is. */
export function nodeLoad({ estimated, allocatable, load, sinceReport }: NodeInfo): number {
  const share = load === undefined ? 0 : usedShare * load.confidence;
  return mean((name) => {
    const used = load === undefined ? 0 : load[name] + sinceReport[name];
    return shareOf((1 - share) * estimated[name] + share * used, allocatable[name]);
  });
}

/** What one pod adds to the load of a node. */
export const podLoad = ({ estimate }: PodClass, { allocatable }: NodeInfo): number =>
  mean((name) => shareOf(estimate[name], allocatable[name]));

const mean = (of: (name: (typeof resources)[number]) => number): number =>
  resources.reduce((sum, name) => sum + of(name), 0) / resources.length;

const shareOf = (amount: number, total: number): number => (total === 0 ? 1 : amount / total);
