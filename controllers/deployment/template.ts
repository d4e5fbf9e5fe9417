import type { ReplicaSet } from '../../api/generated/apps-v1.ts';
import type { PodTemplateSpec } from '../../api/generated/core-v1.ts';
import { canonicalJson } from '../structural-equality.ts';

export const templateHashLabel = 'pod-template-hash';

/** The template's text, without the hash label that only replica sets have. */
function withoutHash(template: PodTemplateSpec): string {
  const { [templateHashLabel]: _hash, ...labels } = template.metadata?.labels ?? {};
  return canonicalJson({
    metadata: { labels, annotations: template.metadata?.annotations },
    spec: template.spec,
  });
}

export function isSameTemplate(left: PodTemplateSpec, right: PodTemplateSpec | undefined): boolean {
  return right !== undefined && withoutHash(left) === withoutHash(right);
}

/** The oldest replica set with exactly this template. */
export function findByTemplate(
  replicaSets: readonly ReplicaSet[],
  template: PodTemplateSpec,
): ReplicaSet | undefined {
  const wanted = withoutHash(template);
  return [...replicaSets]
    .sort(byCreation)
    .find(({ spec }) => spec.template !== undefined && withoutHash(spec.template) === wanted);
}

export function byCreation(left: ReplicaSet, right: ReplicaSet): number {
  const [a, b] = [left.metadata, right.metadata];
  return a.creationTimestamp.localeCompare(b.creationTimestamp) || a.name.localeCompare(b.name);
}
