import { diagnosisMessage } from './diagnosis-message.ts';
import type { PodClass } from './framework/pod-class.ts';
import { diagnose, type SchedulingContext } from './schedule.ts';

const maxRemembered = 256;

/** The message for a pod that fits nowhere; computed once for all pods of a class until the cluster changes. */
export class DiagnosisMemo {
  readonly #context: SchedulingContext;
  readonly #messages = new Map<PodClass, string>();
  #position = -1;

  constructor(context: SchedulingContext) {
    this.#context = context;
  }

  messageFor(pod: PodClass): string {
    const { cluster } = this.#context;
    if (this.#position !== cluster.changes.position || this.#messages.size >= maxRemembered)
      this.#messages.clear();
    this.#position = cluster.changes.position;
    const known = this.#messages.get(pod);
    if (known !== undefined) return known;
    const message = diagnosisMessage(cluster.nodeCount, diagnose(this.#context, pod));
    this.#messages.set(pod, message);
    return message;
  }
}
