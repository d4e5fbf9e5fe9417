/**
 * When many nodes vanish at once, the fault is more likely here (a switch, this machine) than in all of them.
 * @returns whether `silent` out of `total` nodes are too many to act upon.
 */
export function isMassSilence(silent: number, total: number): boolean {
  return silent > Math.max(1, Math.floor(total / 3));
}
