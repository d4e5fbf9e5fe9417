import { isMassSilence } from '../mass-silence.ts';
import { NodeSlots, withRoom, withRoomForBytes } from './node-slots.ts';

/**
 * The verdicts of the detector: pure, on its own judging time.
 *
 * A node is silent when no beat came for `silentAfterMs`, and dead when none came for `deadAfterMs`. After a start or a
 * change of leader everyone gets a full listening period. When too many fall silent together nobody is declared dead:
 * then the fault is more likely on our side, and they are held until they return or a human decides. As they return one by
 * one, the last of them are not few enough at once: a full `togetherMs` has to pass.
 *
 * Cost: one pass over two columns per tick, two comparisons a node (11 us for 5,000).
 *
 * INVARIANTS: nobody is judged in the listening period; dead follows from silent only; a beat makes a node alive.
 */
export type Verdict = 'unknown' | 'alive' | 'silent' | 'dead';

export interface JudgePolicy {
  readonly silentAfterMs: number;
  readonly deadAfterMs: number;
  readonly listenMs: number;
  /**
   * What happens within this time happens together: nodes declared dead so recently count with those that follow, and
   * after a mass silence the last ones get so long to return as the first did.
   */
  readonly togetherMs: number;
}

/** Two missed beats make silence, three death. */
export const judgePolicy: JudgePolicy = {
  silentAfterMs: 1_200,
  deadAfterMs: 2_000,
  listenMs: 2_500,
  togetherMs: 5_000,
};

const never = Number.NEGATIVE_INFINITY;

/** As they stand in the column of verdicts; 0 where there is no node. */
const verdictNames: readonly Verdict[] = ['unknown', 'alive', 'silent', 'dead'];
const codeOf = (verdict: Verdict): number => verdictNames.indexOf(verdict) + 1;
const alive = codeOf('alive');
const silent = codeOf('silent');
const dead = codeOf('dead');

/** What is known of the nodes stands in columns, each node's in its slot. */
export interface JudgeState {
  readonly slots: NodeSlots;
  /** Judging time of the last beat; minus infinity before the first. */
  heardAtMs: Float64Array;
  /** What its last beat said; 0 while it has no data plane. */
  dataPlaneVersion: Float64Array;
  /** 1 for a node whose guard has beaten before, to us or to a detector before us: its silence means something. */
  hasGuard: Uint8Array;
  verdict: Uint8Array;
  diedAtMs: Float64Array;
  /** Judging time from which we listen. */
  listeningSinceMs: number;
  /** Judging time at which too many were silent together for the last time. */
  massSilenceAtMs: number;
}

export interface Change {
  readonly node: string;
  readonly verdict: Verdict;
}

export interface Judgement {
  readonly changes: readonly Change[];
  /** Silent nodes that are not declared dead because too many are silent together. */
  readonly held: number;
}

export function createJudgeState(nowMs: number): JudgeState {
  return {
    slots: new NodeSlots(),
    ...{ heardAtMs: new Float64Array(0), dataPlaneVersion: new Float64Array(0) },
    ...{ hasGuard: new Uint8Array(0), verdict: new Uint8Array(0), diedAtMs: new Float64Array(0) },
    ...{ listeningSinceMs: nowMs, massSilenceAtMs: never },
  };
}

/** What a Node object says of the past: known guards, and deaths declared by a detector before us. @returns the node's slot */
export function trackNode(
  state: JudgeState,
  node: string,
  past: { readonly hasGuard: boolean; readonly isDead: boolean },
): number {
  const known = state.slots.slotOf(node);
  if (known !== undefined) {
    if (past.hasGuard) state.hasGuard[known] = 1;
    return known;
  }
  const slot = state.slots.take(node);
  state.heardAtMs = withRoom(state.heardAtMs, slot);
  state.dataPlaneVersion = withRoom(state.dataPlaneVersion, slot);
  state.hasGuard = withRoomForBytes(state.hasGuard, slot);
  state.verdict = withRoomForBytes(state.verdict, slot);
  state.diedAtMs = withRoom(state.diedAtMs, slot);
  state.heardAtMs[slot] = never;
  state.dataPlaneVersion[slot] = 0;
  state.hasGuard[slot] = past.hasGuard ? 1 : 0;
  state.verdict[slot] = codeOf(past.isDead ? 'dead' : 'unknown');
  state.diedAtMs[slot] = never;
  return slot;
}

/** The node is gone. */
export function untrackNode(state: JudgeState, node: string): void {
  const slot = state.slots.release(node);
  if (slot === undefined) return;
  state.verdict[slot] = 0;
  // Nor does it count for those who look at the versions of live nodes.
  state.heardAtMs[slot] = never;
}

/** @param slot of a node that is tracked */
export function hear(state: JudgeState, slot: number, nowMs: number, dataPlaneVersion = 0): void {
  state.heardAtMs[slot] = nowMs;
  state.dataPlaneVersion[slot] = dataPlaneVersion;
  state.hasGuard[slot] = 1;
}

export function verdictOf(state: JudgeState, node: string): Verdict {
  const slot = state.slots.slotOf(node);
  return (slot === undefined ? undefined : verdictNames[(state.verdict[slot] ?? 0) - 1]) ?? 'unknown';
}

/** Starts a listening period: we were not judging until now, or could not hear. */
export function listenAnew(state: JudgeState, nowMs: number): void {
  state.listeningSinceMs = nowMs;
}

/**
 * Begins to judge: of the past the Node objects tell, not what was believed here while another judged, and everyone gets
 * a full listening period.
 */
export function takeOver(state: JudgeState, nowMs: number, isDead: (node: string) => boolean): void {
  for (const [node, slot] of state.slots.entries()) {
    state.verdict[slot] = codeOf(isDead(node) ? 'dead' : 'unknown');
    state.diedAtMs[slot] = never;
  }
  listenAnew(state, nowMs);
}

/** In the listening period no verdict stands, not even one that was taken over. */
export function isListening(state: JudgeState, nowMs: number, policy: JudgePolicy = judgePolicy): boolean {
  return nowMs - state.listeningSinceMs < policy.listenMs;
}

/** Changes `state` to the verdicts of `nowMs`. Call it after all beats that have arrived were heard. */
export function judge(state: JudgeState, nowMs: number, policy: JudgePolicy = judgePolicy): Judgement {
  if (isListening(state, nowMs, policy)) return { changes: [], held: 0 };
  const { slots, heardAtMs, verdict } = state;
  const changes: Change[] = [];
  const change = (slot: number, code: number): void => {
    verdict[slot] = code;
    changes.push({ node: slots.nameOf(slot) ?? '', verdict: verdictNames[code - 1] ?? 'unknown' });
  };
  const overdue: number[] = [];
  let deadBefore = 0;
  let together = 0;
  const { limit } = slots;
  for (let slot = 0; slot < limit; slot += 1) {
    const code = verdict[slot] ?? 0;
    // As it is nearly always.
    if (code === alive && nowMs - (heardAtMs[slot] ?? never) < policy.silentAfterMs) continue;
    const silentMs = code === 0 ? undefined : silenceOf(state, slot, nowMs);
    if (silentMs === undefined) continue;
    if (silentMs < policy.silentAfterMs) {
      if (code !== alive) change(slot, alive);
      continue;
    }
    if (code === dead) {
      const isRecent = nowMs - (state.diedAtMs[slot] ?? never) < policy.togetherMs;
      if (isRecent) together += 1;
      else deadBefore += 1;
      continue;
    }
    together += 1;
    if (code !== silent) change(slot, silent);
    if (silentMs >= policy.deadAfterMs) overdue.push(slot);
  }
  if (isMassSilence(together, slots.size - deadBefore)) state.massSilenceAtMs = nowMs;
  if (nowMs - state.massSilenceAtMs < policy.togetherMs) return { changes, held: overdue.length };
  for (const slot of overdue) {
    state.diedAtMs[slot] = nowMs;
    change(slot, dead);
  }
  return { changes, held: 0 };
}

/** Undefined for a node whose silence means nothing, because it has never had a guard. */
function silenceOf(state: JudgeState, slot: number, nowMs: number): number | undefined {
  const heardAtMs = state.heardAtMs[slot] ?? never;
  if (heardAtMs !== never) return nowMs - heardAtMs;
  return state.hasGuard[slot] === 1 ? nowMs - state.listeningSinceMs : undefined;
}
