import type { Container, Pod } from '../../api/generated/core-v1.ts';
import { toMillis, toUnits } from '../../api/quantity.ts';
import type { ContainerResources } from '../runtime/runtime.ts';
import { containersOf } from './pod-spec.ts';
import { oomScoreAdjOf, podRequestsOf } from './qos.ts';

const cpuPeriodMicros = 100_000;
/** The kernel refuses less. */
const minQuotaMicros = 1_000;
const minShares = 2;
const maxShares = 262_144;
const sharesPerCpu = 1_024;

export function toCpuShares(cpuMillis: number): number {
  if (cpuMillis === 0) return minShares;
  return Math.min(maxShares, Math.max(minShares, Math.floor((cpuMillis * sharesPerCpu) / 1000)));
}

export function toCpuQuotaMicros(cpuMillis: number): number {
  return Math.max(minQuotaMicros, Math.floor((cpuMillis * cpuPeriodMicros) / 1000));
}

/** Requests become the weight, limits the ceiling. A request that is left out is the limit. */
export function containerResourcesOf(options: {
  readonly pod: Pod;
  readonly container: Container;
  readonly nodeMemoryBytes: number;
  readonly podPidsLimit: number | undefined;
}): ContainerResources {
  const { limits, requests } = options.container.resources ?? {};
  const cpuLimit = limits?.['cpu'];
  const memoryLimit = limits?.['memory'];
  const cpuLimitMillis = cpuLimit === undefined ? 0 : toMillis(cpuLimit);
  const memoryLimitBytes = memoryLimit === undefined ? 0 : toUnits(memoryLimit);
  return {
    cpuShares: toCpuShares(toMillis(requests?.['cpu'] ?? cpuLimit ?? '0')),
    ...(cpuLimitMillis > 0 ? { cpuQuotaMicros: toCpuQuotaMicros(cpuLimitMillis), cpuPeriodMicros } : {}),
    ...(memoryLimitBytes > 0 ? { memoryLimitBytes } : {}),
    ...(options.podPidsLimit === undefined ? {} : { pidsLimit: options.podPidsLimit }),
    oomScoreAdj: oomScoreAdjOf(options.pod, options.container, options.nodeMemoryBytes),
  };
}

/** Limits of the pod's own cgroup: what its containers need together; none when one of them has none. */
export function podResourcesOf(pod: Pod): ContainerResources {
  const cpuLimitMillis = podLimitOf(pod, 'cpu', toMillis);
  const memoryLimitBytes = podLimitOf(pod, 'memory', toUnits);
  return {
    cpuShares: toCpuShares(podRequestsOf(pod).cpuMillis),
    ...(cpuLimitMillis > 0 ? { cpuQuotaMicros: toCpuQuotaMicros(cpuLimitMillis), cpuPeriodMicros } : {}),
    ...(memoryLimitBytes > 0 ? { memoryLimitBytes } : {}),
  };
}

/** Zero: no limit. */
function podLimitOf(pod: Pod, name: string, read: (text: string) => number): number {
  const whole = pod.spec.resources?.limits?.[name];
  if (whole !== undefined) return read(whole);
  let together = 0;
  let initPeak = 0;
  for (const { role, spec } of containersOf(pod)) {
    if (role === 'ephemeral') continue;
    const limit = read(spec.resources?.limits?.[name] ?? '0');
    if (limit === 0) return 0;
    if (role === 'init') initPeak = Math.max(initPeak, together + limit);
    else together += limit;
  }
  return Math.max(together, initPeak);
}
