import { isMassSilence } from '../mass-silence.ts';

/**
 * The verdicts of the detector: pure, on its own judging time.
 *
 * A node is silent when no beat came for `silentAfterMs`, and dead when none came for `deadAfterMs`. After a start or a
 * change of leader everyone gets a full listening period. When too many fall silent together nobody is declared dead:
 * then the fault is more likely on our side, and they are held until they return or a human decides. As they return one by
 * one, the last of them are not few enough at once: a full `togetherMs` has to pass.
 *
 * Cost: one pass over the nodes per tick, two comparisons each.
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

/** Its numbers are never anything else, so that a beat changes them in place (`beat-listener.ts` says why). */
export interface NodeRecord {
  readonly name: string;
  /** Judging time of the last beat; minus infinity before the first. */
  heardAtMs: number;
  /** What its last beat said; 0 while it has no data plane. */
  dataPlaneVersion: number;
  /** Its guard has beaten before, to us or to a detector before us: its silence means something. */
  hasGuard: boolean;
  verdict: Verdict;
  diedAtMs: number;
}

export interface JudgeState {
  readonly nodes: Map<string, NodeRecord>;
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
  return { nodes: new Map(), listeningSinceMs: nowMs, massSilenceAtMs: never };
}

/** What a Node object says of the past: known guards, and deaths declared by a detector before us. */
export function trackNode(
  state: JudgeState,
  node: string,
  past: { readonly hasGuard: boolean; readonly isDead: boolean },
): void {
  const record = state.nodes.get(node);
  if (record !== undefined) {
    record.hasGuard ||= past.hasGuard;
    return;
  }
  const verdict = past.isDead ? 'dead' : 'unknown';
  const { hasGuard } = past;
  const unheard = { heardAtMs: never, dataPlaneVersion: 0, hasGuard, verdict, diedAtMs: never } as const;
  state.nodes.set(node, { name: node, ...unheard });
}

export function hear(state: JudgeState, node: string, nowMs: number, dataPlaneVersion = 0): void {
  const record = state.nodes.get(node);
  if (record === undefined) return;
  record.heardAtMs = nowMs;
  record.dataPlaneVersion = dataPlaneVersion;
  record.hasGuard = true;
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
  for (const [node, record] of state.nodes) {
    record.verdict = isDead(node) ? 'dead' : 'unknown';
    record.diedAtMs = never;
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
  const changes: Change[] = [];
  const change = (record: NodeRecord, verdict: Verdict): void => {
    record.verdict = verdict;
    changes.push({ node: record.name, verdict });
  };
  const overdue: NodeRecord[] = [];
  let dead = 0;
  let together = 0;
  for (const record of state.nodes.values()) {
    const silentMs = silenceOf(state, record, nowMs);
    if (silentMs === undefined) continue;
    if (silentMs < policy.silentAfterMs) {
      if (record.verdict !== 'alive') change(record, 'alive');
      continue;
    }
    if (record.verdict === 'dead') {
      const recent = nowMs - record.diedAtMs < policy.togetherMs;
      if (recent) together += 1;
      else dead += 1;
      continue;
    }
    together += 1;
    if (record.verdict !== 'silent') change(record, 'silent');
    if (silentMs >= policy.deadAfterMs) overdue.push(record);
  }
  if (isMassSilence(together, state.nodes.size - dead)) state.massSilenceAtMs = nowMs;
  if (nowMs - state.massSilenceAtMs < policy.togetherMs) return { changes, held: overdue.length };
  for (const record of overdue) {
    record.diedAtMs = nowMs;
    change(record, 'dead');
  }
  return { changes, held: 0 };
}

/** Undefined for a node whose silence means nothing, because it has never had a guard. */
function silenceOf(state: JudgeState, record: NodeRecord, nowMs: number): number | undefined {
  if (record.heardAtMs !== never) return nowMs - record.heardAtMs;
  return record.hasGuard ? nowMs - state.listeningSinceMs : undefined;
}
