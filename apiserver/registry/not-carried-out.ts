import type { AnyObject } from '../../api/kind-info.ts';

/** Fields that are stored and not carried out yet: filled by `not-carried-out` rules below. */
export function notCarriedOut(_object: AnyObject): string[] {
  return [];
}
