import { explainPod } from '../../scheduler/explanation/explain-pod.ts';
import { explanationText } from '../../scheduler/explanation/explanation-text.ts';
import type { KnownPod } from './known-pod.ts';
import type { Snapshot } from './snapshot.ts';

/** Why a pod is where it is, or nowhere: in words, or as JSON. */
export function whyText({ judge }: Snapshot, pod: KnownPod, asJson: boolean): string {
  const explanation = explainPod(judge, pod);
  return asJson ? `${JSON.stringify(explanation, undefined, 4)}\n` : explanationText(explanation);
}
