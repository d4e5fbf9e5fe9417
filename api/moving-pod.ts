import type { ObjectMeta } from './generated/meta-v1.ts';

/**
 * On a pod that is being moved to another node: until when, in RFC 3339. As long as that lasts, its ReplicaSet keeps
 * one pod more than it is asked for. When the time is over the mark means nothing any more, whoever has forgotten it.
 */
export const movingAnnotation = 'coracle.dev/moving-until';

/** In ms since the epoch; undefined for a pod that stays. */
export function movingUntilMs(metadata: Pick<ObjectMeta, 'annotations'>): number | undefined {
  const untilMs = Date.parse(metadata.annotations?.[movingAnnotation] ?? '');
  return Number.isNaN(untilMs) ? undefined : untilMs;
}
