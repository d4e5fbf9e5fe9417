/** Answers questions about a pod from the live state. Nothing is stored, assumed or sent by asking. */
import type { Pod } from '../../api/generated/core-v1.ts';
import {
  type AskedPod,
  type Explanation,
  explainPod,
  foresee,
  type Outlook,
} from '../explanation/explain-pod.ts';
import { explanationText } from '../explanation/explanation-text.ts';
import type { Judge } from '../explanation/judge.ts';
import { type RefusalGroup, refusalGroups } from '../explanation/verdict-text.ts';
import type { PodClass } from '../framework/pod-class.ts';
import type { Verdict } from '../schedule.ts';

/** Nodes whose verdicts are told one by one; of more, those that fit best, and the others in groups. */
const maxListedNodes = 200;

/** `GET pods/x/placement` */
export interface PodPlacement {
  readonly kind: 'PodPlacement';
  readonly apiVersion: 'coracle.dev/v1';
  readonly metadata: { readonly namespace: string; readonly name: string; readonly uid: string };
  readonly state: Explanation['state'];
  readonly nodeName?: string | undefined;
  /** As in the pod's condition and its `FailedScheduling` event. */
  readonly message: string;
  /** Nodes that refuse for the same reasons. */
  readonly refusals: readonly RefusalGroup[];
  /** The best first. */
  readonly nodes: readonly Verdict[];
  /** How many nodes there are; `nodes` may be fewer. */
  readonly nodeCount: number;
  /** All of it in words, as `kubectl-lite why` prints it. */
  readonly text: string;
}

export interface PlacementAnswersOptions {
  readonly judge: Judge;
  /** @throws when the pod makes no sense */
  readonly classOf: (pod: Pod) => PodClass;
}

export class PlacementAnswers {
  readonly #options: PlacementAnswersOptions;

  constructor(options: PlacementAnswersOptions) {
    this.#options = options;
  }

  placement(pod: Pod): PodPlacement {
    const explanation = this.#ask(pod, (asked) => explainPod(this.#options.judge, asked));
    const { state, node, message, verdicts } = explanation;
    const refusals = refusalGroups(verdicts);
    const { namespace = 'default', name, uid = '' } = pod.metadata;
    return {
      ...{ kind: 'PodPlacement', apiVersion: 'coracle.dev/v1', metadata: { namespace, name, uid } },
      ...{ state, nodeName: node, message },
      refusals,
      nodes: verdicts.slice(0, maxListedNodes),
      nodeCount: verdicts.length,
      text: explanationText(explanation, refusals),
    };
  }

  /** Where the pod would go, were it created now. */
  outlook(pod: Pod): Outlook {
    return this.#ask(pod, (asked) => foresee(this.#options.judge, asked));
  }

  /** What is decided but not yet seen elsewhere counts; a pod that does not exist belongs to its group meanwhile. */
  #ask<V>(pod: Pod, ask: (asked: AskedPod) => V): V {
    const { judge, classOf } = this.#options;
    const { namespace = 'default', name, uid = '' } = pod.metadata;
    const podClass = classOf(pod);
    const stored = pod.spec.nodeName ?? '';
    const nodeName = judge.cluster.pod(uid)?.nodeName ?? (stored === '' ? undefined : stored);
    const gates = (pod.spec.schedulingGates ?? []).map((gate) => gate.name);
    const isKnown = judge.groups.has(uid);
    if (!isKnown) judge.groups.setPod(pod, podClass);
    try {
      const isLive = pod.metadata.deletionTimestamp === undefined;
      const isStatic = pod.metadata.annotations?.['kubernetes.io/config.mirror'] !== undefined;
      return ask({ uid, namespace, name, podClass, nodeName, gates, isLive, isStatic });
    } finally {
      if (!isKnown) judge.groups.removePod(uid);
    }
  }
}
