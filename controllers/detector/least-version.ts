import { type JudgePolicy, type JudgeState, judgePolicy } from './judge.ts';

/**
 * The EndpointSlice version that the data planes of all live nodes have reached. A silent node does not hold it back,
 * nor does one without a data plane: no request goes through it. Undefined when there is no live node with a data plane.
 */
export function leastVersionOf(
  state: JudgeState,
  nowMs: number,
  policy: JudgePolicy = judgePolicy,
): number | undefined {
  let least = Number.POSITIVE_INFINITY;
  const { slots, heardAtMs, dataPlaneVersion } = state;
  for (let slot = 0; slot < slots.limit; slot += 1) {
    const version = dataPlaneVersion[slot] ?? 0;
    if (version === 0 || version >= least) continue;
    if (nowMs - (heardAtMs[slot] ?? 0) < policy.silentAfterMs) least = version;
  }
  return Number.isFinite(least) ? least : undefined;
}
