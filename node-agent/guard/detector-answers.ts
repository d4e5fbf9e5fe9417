import { type BeatAnswer, isNewerSequence, sequenceAgeMs } from '../../base/beat.ts';

/** An answer to an older beat says nothing of the present; a detector that has been silent so long is not asked for. */
const maxAgeMs = 1_500;

/**
 * What the detectors say of the least data-plane version. Each knows it by itself, so the least that any of them has
 * said counts; one that stopped talking is left out.
 */
export class DetectorAnswers {
  readonly #answers = new Map<string, BeatAnswer>();

  /** @param lastSequence of the newest beat sent @returns false when the answer is stale or overtaken */
  hear(detector: string, answer: BeatAnswer, lastSequence: number): boolean {
    if (!isFresh(answer, lastSequence)) return false;
    const known = this.#answers.get(detector);
    if (known !== undefined && isNewerSequence(known.sequence, answer.sequence)) return false;
    // Answers to the same beat may overtake one another on the way; the least version only rises between them.
    const isOvertaken = known?.sequence === answer.sequence && known.leastVersion > answer.leastVersion;
    if (!isOvertaken) this.#answers.set(detector, answer);
    return !isOvertaken;
  }

  leastVersion(lastSequence: number): number | undefined {
    const fresh = [...this.#answers.values()].filter((answer) => isFresh(answer, lastSequence));
    return fresh.length === 0 ? undefined : Math.min(...fresh.map((answer) => answer.leastVersion));
  }
}

function isFresh({ sequence }: BeatAnswer, lastSequence: number): boolean {
  return !isNewerSequence(sequence, lastSequence) && sequenceAgeMs(sequence, lastSequence) <= maxAgeMs;
}
