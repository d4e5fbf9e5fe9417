import type { Deployment, ReplicaSet } from '../../api/generated/apps-v1.ts';
import { maxSurge } from './availability.ts';

export const revisionAnnotation = 'deployment.kubernetes.io/revision';
const revisionHistoryAnnotation = 'deployment.kubernetes.io/revision-history';
export const desiredReplicasAnnotation = 'deployment.kubernetes.io/desired-replicas';
export const maxReplicasAnnotation = 'deployment.kubernetes.io/max-replicas';

/** Annotations of a Deployment that are not its replica sets' business. */
const notCopied: ReadonlySet<string> = new Set([
  'kubectl.kubernetes.io/last-applied-configuration',
  revisionAnnotation,
  revisionHistoryAnnotation,
  desiredReplicasAnnotation,
  maxReplicasAnnotation,
  'deprecated.deployment.rollback.to',
]);

const maxRevisionHistoryChars = 2000;

export type Annotations = Record<string, string>;

/** An integer of 64 bits, more than a double holds; what is none counts as no revision. */
export function revisionOf(object: Deployment | ReplicaSet): bigint {
  return parseRevision(object.metadata.annotations?.[revisionAnnotation]);
}

function parseRevision(text: string | undefined): bigint {
  if (text === undefined || !/^[-+]?\d{1,19}$/.test(text)) return 0n;
  const revision = BigInt(text.replace('+', ''));
  return BigInt.asIntN(64, revision) === revision ? revision : 0n;
}

export function nextRevision(oldReplicaSets: readonly ReplicaSet[]): bigint {
  return oldReplicaSets.map(revisionOf).reduce((last, next) => (next > last ? next : last), 0n) + 1n;
}

/** What a rolling update needs to know of the size it started from, to scale in proportion later. */
export function sizeAnnotations(deployment: Deployment): Annotations {
  const replicas = deployment.spec.replicas ?? 1;
  return {
    [desiredReplicasAnnotation]: String(replicas),
    [maxReplicasAnnotation]: String(replicas + maxSurge(deployment)),
  };
}

/** The annotations of the current replica set: the Deployment's own (change-cause among them) and its revision. */
export function newReplicaSetAnnotations(
  deployment: Deployment,
  existing: ReplicaSet | undefined,
  revision: bigint,
): Annotations {
  const annotations: Annotations = { ...existing?.metadata.annotations };
  for (const [key, value] of Object.entries(deployment.metadata.annotations ?? {}))
    if (!notCopied.has(key)) annotations[key] = value;
  const before = existing?.metadata.annotations?.[revisionAnnotation];
  if (parseRevision(before) < revision) {
    annotations[revisionAnnotation] = String(revision);
    if (before !== undefined && before !== '') addHistory(annotations, before);
  }
  return existing === undefined ? { ...annotations, ...sizeAnnotations(deployment) } : annotations;
}

function addHistory(annotations: Annotations, revision: string): void {
  const entries = [...(annotations[revisionHistoryAnnotation]?.split(',') ?? []), revision];
  while (entries.length > 1 && entries.join(',').length > maxRevisionHistoryChars) entries.shift();
  annotations[revisionHistoryAnnotation] = entries.join(',');
}
