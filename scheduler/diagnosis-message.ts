import type { Diagnosis } from './schedule.ts';

/** `0/3 nodes are available: 1 Insufficient cpu, 2 node(s) were unschedulable.`, as Kubernetes words it. */
export function diagnosisMessage(nodeCount: number, diagnosis: Diagnosis): string {
  if (nodeCount === 0) return 'no nodes available to schedule pods';
  const reasons = [...diagnosis.values()].flatMap((rejection) => rejection.reasons);
  return `${summary(nodeCount, reasons)} preemption: ${preemptionSummary(nodeCount, diagnosis)}`;
}

function preemptionSummary(nodeCount: number, diagnosis: Diagnosis): string {
  const reasons = [...diagnosis.values()].map(({ isFinal }) =>
    isFinal ? 'Preemption is not helpful for scheduling' : 'No preemption victims found for incoming pod',
  );
  return summary(nodeCount, reasons);
}

function summary(nodeCount: number, reasons: readonly string[]): string {
  const counts = new Map<string, number>();
  for (const reason of reasons) counts.set(reason, (counts.get(reason) ?? 0) + 1);
  const parts = [...counts].map(([reason, count]) => `${count} ${reason}`).sort();
  return `0/${nodeCount} nodes are available: ${parts.join(', ')}.`;
}
