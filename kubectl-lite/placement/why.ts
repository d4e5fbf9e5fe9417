import { type Explanation, explainPod } from '../../scheduler/explanation/explain-pod.ts';
import { explanationText } from '../../scheduler/explanation/explanation-text.ts';
import type { KnownPod } from './known-pod.ts';
import type { Snapshot } from './snapshot.ts';

/** Why a pod is where it is, or nowhere: as data, and in words. */
export function whyPod(
  { judge }: Snapshot,
  pod: KnownPod,
): { readonly answer: Explanation; readonly words: () => string } {
  const answer = explainPod(judge, pod);
  return { answer, words: () => explanationText(answer) };
}
