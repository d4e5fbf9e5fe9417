import type { Container, Pod, ResourceRequirements } from '../../api/generated/core-v1.ts';
import type { ContainerStatus } from '../runtime/runtime.ts';
import { sameResources } from './allocation.ts';
import type { PodFacts } from './pod-facts.ts';
import { containersOf } from './pod-spec.ts';
import { latestInstance } from './restart-decision.ts';
import type { Step } from './step.ts';

/** A running container that has other limits than it is to have. */
export interface ResizeChange {
  readonly container: Container;
  readonly instance: ContainerStatus;
  readonly from: ResourceRequirements;
  /** Its policy asks for a restart when one of the resources that differ changes. */
  readonly needsRestart: boolean;
}

/** What an instance runs with; that of one which an earlier agent started is what the node had promised. */
export function actualResources(
  facts: Pick<PodFacts, 'actuated' | 'recovered'>,
  container: Pick<Container, 'name' | 'resources'>,
  instance: ContainerStatus,
): ResourceRequirements {
  return facts.actuated.get(instance.id) ?? facts.recovered?.get(container.name) ?? container.resources ?? {};
}

export function resizeChanges(
  pod: Pod,
  facts: Pick<PodFacts, 'containers' | 'actuated' | 'recovered'>,
): ResizeChange[] {
  return containersOf(pod).flatMap(({ role, spec }): ResizeChange[] => {
    if (role !== 'main' && role !== 'sidecar') return [];
    const instance = latestInstance(facts, spec.name);
    if (instance?.state !== 'running') return [];
    const from = actualResources(facts, spec, instance);
    if (sameResources(from, spec.resources)) return [];
    return [{ container: spec, instance, from, needsRestart: needsRestart(spec, from) }];
  });
}

function needsRestart({ resources, resizePolicy = [] }: Container, from: ResourceRequirements): boolean {
  const changed = (name: string): boolean =>
    from.requests?.[name] !== resources?.requests?.[name] ||
    from.limits?.[name] !== resources?.limits?.[name];
  return resizePolicy.some(
    ({ resourceName, restartPolicy }) => restartPolicy === 'RestartContainer' && changed(resourceName),
  );
}

export function planResize(pod: Pod, facts: PodFacts, nowMs: number): Step[] {
  if (resizeChanges(pod, facts).length === 0) return [];
  const retryAtMs = facts.resizeFault?.retryAtMs ?? 0;
  return [retryAtMs > nowMs ? { kind: 'wake', atMs: retryAtMs } : { kind: 'resizePod' }];
}
