import type { Pod } from '../../../api/generated/core-v1.ts';
import { everything } from '../../../api/selector.ts';
import type { Clock } from '../../../base/clock.ts';
import type { ReadCache } from '../../watch-cache/read-cache.ts';
import type { PodSecurityConfiguration } from '../configuration.ts';
import { toReason, violationsOf } from './evaluate.ts';
import { type LevelVersion, toText } from './policy.ts';

const maxPods = 3_000;
const deadlineMs = 1_000;
/** Pods that are parsed and judged before others get their turn: about 2 ms. */
const slicePods = 100;

interface Alike {
  first: string;
  count: number;
}

/** What a stricter level says of the pods that are there: one line for those that violate it alike. */
export async function existingPodWarnings(
  options: {
    readonly cache: ReadCache;
    readonly clock: Clock;
    readonly configuration: PodSecurityConfiguration;
  },
  namespace: string,
  level: LevelVersion,
): Promise<string[]> {
  const { cache, clock, configuration } = options;
  const { objects } = cache.list({ resource: '/pods', namespace, labels: everything, fields: everything });
  const endMs = clock.monotonicMs() + deadlineMs;
  const byReason = new Map<string, Alike>();
  let checked = 0;
  while (checked < Math.min(objects.length, maxPods) && clock.monotonicMs() < endMs) {
    for (const { json } of objects.slice(checked, Math.min(checked + slicePods, maxPods))) {
      const pod = JSON.parse(json.toString()) as Pod;
      checked += 1;
      if (configuration.exemptions.runtimeClasses.includes(pod.spec.runtimeClassName ?? '')) continue;
      count(byReason, pod, level);
    }
    await new Promise<void>((resolve) => {
      clock.setImmediate(resolve);
    });
  }
  const lines = [...byReason].map(([reason, { first, count: pods }]) => `${first}${others(pods)}: ${reason}`);
  return [
    ...(checked < objects.length
      ? [
          `new PodSecurity enforce level only checked against the first ${checked} of ${objects.length} existing pods`,
        ]
      : []),
    ...(lines.length === 0
      ? []
      : [
          `existing pods in namespace ${JSON.stringify(namespace)} violate the new PodSecurity enforce level ${JSON.stringify(toText(level))}`,
          ...lines.sort(),
        ]),
  ];
}

function count(byReason: Map<string, Alike>, { metadata, spec }: Pod, level: LevelVersion): void {
  const found = violationsOf(level, { annotations: metadata.annotations ?? {}, spec });
  if (found.length === 0) return;
  const name = metadata.name ?? '';
  const alike = byReason.get(toReason(found));
  if (alike === undefined) byReason.set(toReason(found), { first: name, count: 1 });
  else {
    alike.count += 1;
    if (name < alike.first) alike.first = name;
  }
}

function others(pods: number): string {
  if (pods === 1) return '';
  return pods === 2 ? ' (and 1 other pod)' : ` (and ${pods - 1} other pods)`;
}
