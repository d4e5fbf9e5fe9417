import { createHash } from 'node:crypto';

/** A name for these bytes that changes when they do: the `hash` of a document's URL, and its ETag. */
export function hashOf(bytes: Buffer): string {
  return createHash('sha512').update(bytes).digest('hex').toUpperCase();
}
