import { createHash } from 'node:crypto';
import type { PodTemplateSpec } from '../api/generated/core-v1.ts';
import { canonicalJson } from './structural-equality.ts';

const hashLength = 10;
/** Kubernetes' alphabet for generated suffixes: it spells no words. */
const safeAlphabet = 'bcdfghjklmnpqrstvwxz2456789';

/** A name for the template: equal templates have equal hashes; `collisionCount` gives another one when it is taken. */
export function templateHash(template: PodTemplateSpec, collisionCount: number | undefined): string {
  const digest = createHash('sha256')
    .update(canonicalJson(template))
    .update(String(collisionCount ?? ''))
    .digest();
  return Array.from(digest.subarray(0, hashLength), (byte) => safeAlphabet[byte % safeAlphabet.length]).join(
    '',
  );
}
