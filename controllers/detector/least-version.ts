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
  let least: number | undefined;
  for (const { heardAtMs, dataPlaneVersion } of state.nodes.values()) {
    if (nowMs - heardAtMs >= policy.silentAfterMs) continue;
    if (dataPlaneVersion > 0 && dataPlaneVersion < (least ?? Number.POSITIVE_INFINITY))
      least = dataPlaneVersion;
  }
  return least;
}
