/**
 * resourceVersion arithmetic: etcd's revision x 128 + the object's index in its transaction.
 *
 * INVARIANTS: index 127 is never an object's, it marks a whole revision; 2^53 / 128 revisions are 7 x 10^13, so a
 * version always fits a JavaScript integer.
 */
export const versionsPerRevision = 128;

/** Objects that one transaction may write. */
export const maxWritesPerTransaction = 127;

export function versionOf(revision: number, index: number): number {
  return revision * versionsPerRevision + index;
}

/** The version of whoever has seen all of `revision`: of lists, bookmarks and batches. */
export function wholeVersion(revision: number): number {
  return revision * versionsPerRevision + (versionsPerRevision - 1);
}

export function revisionOf(version: number): number {
  return Math.floor(version / versionsPerRevision);
}

/** A resourceVersion from the wire. @returns undefined when it is none that this server could have given out. */
export function parseVersion(text: string): number | undefined {
  if (!/^(0|[1-9][0-9]{0,15})$/.test(text)) return undefined;
  const version = Number(text);
  return Number.isSafeInteger(version) ? version : undefined;
}
