/**
 * Why a class of pods fits nowhere, kept up to date by what changed: the next pod of the class costs a few
 * evaluations. A class with constraints between pods is looked at on all nodes whenever something changed.
 */
import type { NamedRejection } from './framework/evaluate.ts';
import type { PodClass } from './framework/pod-class.ts';
import { rejectionOn, type SchedulingContext } from './schedule.ts';

const maxRemembered = 64;

export interface DiagnosisSummary {
  /** How many nodes give which reason. */
  readonly counts: ReadonlyMap<string, number>;
  rejectionAt(slot: number): NamedRejection | undefined;
}

class ClassDiagnosis implements DiagnosisSummary {
  readonly counts = new Map<string, number>();
  readonly #bySlot: (NamedRejection | undefined)[] = [];
  position = -1;
  /** Other pods had a say: what they said of a node that did not change need not hold any longer. */
  hadRules = false;

  rejectionAt(slot: number): NamedRejection | undefined {
    return this.#bySlot[slot];
  }

  set(slot: number, rejection: NamedRejection | undefined): void {
    this.#count(this.#bySlot[slot], -1);
    this.#bySlot[slot] = rejection;
    this.#count(rejection, 1);
  }

  #count(rejection: NamedRejection | undefined, by: number): void {
    for (const reason of rejection?.reasons ?? []) {
      const count = (this.counts.get(reason) ?? 0) + by;
      if (count === 0) this.counts.delete(reason);
      else this.counts.set(reason, count);
    }
  }
}

export class DiagnosisMemo {
  readonly #context: SchedulingContext;
  readonly #known = new Map<PodClass, ClassDiagnosis>();

  constructor(context: SchedulingContext) {
    this.#context = context;
  }

  diagnosisOf(pod: PodClass): DiagnosisSummary {
    const { cluster, index } = this.#context;
    const { position } = cluster.changes;
    const diagnosis = this.#touch(pod);
    if (diagnosis.position === position) return diagnosis;
    const { rules } = index.placementOf(pod);
    const isLocal = rules.length === 0 && !diagnosis.hadRules;
    const changed = isLocal ? cluster.changes.since(diagnosis.position) : undefined;
    const slots = changed ?? Array.from({ length: cluster.slotCount }, (_, slot) => slot);
    for (const slot of slots) {
      const node = cluster.nodeAt(slot);
      diagnosis.set(slot, node === undefined ? undefined : rejectionOn(this.#context, pod, node));
    }
    diagnosis.position = position;
    diagnosis.hadRules = rules.length > 0;
    return diagnosis;
  }

  #touch(pod: PodClass): ClassDiagnosis {
    const diagnosis = this.#known.get(pod) ?? new ClassDiagnosis();
    this.#known.delete(pod);
    this.#known.set(pod, diagnosis);
    const [oldest] = this.#known.keys();
    if (oldest !== undefined && this.#known.size > maxRemembered) this.#known.delete(oldest);
    return diagnosis;
  }
}
