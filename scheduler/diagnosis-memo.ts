import type { PodClass } from './framework/pod-class.ts';
import { type Diagnosis, diagnose, type SchedulingContext } from './schedule.ts';

const maxRemembered = 256;

/** Why a class of pods fits nowhere; computed once for all its pods until the cluster changes. */
export class DiagnosisMemo {
  readonly #context: SchedulingContext;
  readonly #known = new Map<PodClass, Diagnosis>();
  #position = -1;

  constructor(context: SchedulingContext) {
    this.#context = context;
  }

  diagnosisOf(pod: PodClass): Diagnosis {
    const { position } = this.#context.cluster.changes;
    if (this.#position !== position || this.#known.size >= maxRemembered) this.#known.clear();
    this.#position = position;
    const known = this.#known.get(pod);
    if (known !== undefined) return known;
    const diagnosis = diagnose(this.#context, pod);
    this.#known.set(pod, diagnosis);
    return diagnosis;
  }
}
