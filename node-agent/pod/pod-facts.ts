import type { ResourceRequirements } from '../../api/generated/core-v1.ts';
import type { ContainerStatus, PodSandboxStatus } from '../runtime/runtime.ts';
import type { Allocation } from './allocation.ts';

/**
 * Everything that a plan or a status is computed from, beside the pod object itself. The worker's memory has this shape;
 * the planner and the status only read it.
 */
export interface PodFacts {
  /** All sandboxes of the pod, any attempt, ready or not. */
  readonly sandboxes: readonly PodSandboxStatus[];
  /** All container instances of the pod, every attempt that still exists. */
  readonly containers: readonly ContainerStatus[];
  readonly volumes: VolumesFact;
  /** By `imageKeyOf`: what is known of the image for the container's next start; of a volume's, for the pod's whole life. */
  readonly images: ReadonlyMap<string, ImageFact>;
  /** By container name: why the last try to start it came to nothing. */
  readonly faults: ReadonlyMap<string, StartFault>;
  readonly sandboxFault: StartFault | undefined;
  /** By container id. A container without an entry has no probes that have spoken yet. */
  readonly probes: ReadonlyMap<string, ProbeFact>;
  /** By container id: containers with a postStart hook that has not ended well. */
  readonly hooks: ReadonlyMap<string, HookFact>;
  /** By container id: what the container said when it ended. */
  readonly terminationMessages: ReadonlyMap<string, string>;
  /** By container id: what this agent has started or resized it with. */
  readonly actuated: ReadonlyMap<string, ResourceRequirements>;
  /** By container name: what an earlier agent had promised; undefined when there was none. */
  readonly recovered: Allocation | undefined;
  /** A resize that the node cannot take now, or never. */
  readonly resizeRefusal: Verdict | undefined;
  readonly resizeFault: StartFault | undefined;
  /** Keys of the steps under way (`stepKey`). */
  readonly inFlight: ReadonlySet<string>;
  /** The pod must end (or never start) for this reason, whatever its spec says. */
  readonly verdict: Verdict | undefined;
  /** The object is gone from the API; only the kernel's half is left. */
  readonly isOrphan: boolean;
  /** When the pod began to end; undefined while it lives. */
  readonly endingSinceMs: number | undefined;
  /** No node sends new connections to the pod any more, or it has waited long enough for that. */
  readonly hasLeftServices: boolean;
  readonly acknowledgedAtMs: number;
  /** The API has the status that says that everything ended. */
  readonly isFinalStatusWritten: boolean;
  /** Nothing of the pod is left on the node. */
  readonly isCleanedUp: boolean;
}

export type VolumesFact =
  | { readonly state: 'unmounted' }
  /** At `refreshAtMs` their content is to be written anew: an object changed, or a token grows old. */
  | { readonly state: 'mounted'; readonly refreshAtMs: number | undefined }
  | {
      readonly state: 'failed';
      readonly message: string;
      readonly failures: number;
      readonly retryAtMs: number;
    };

export type ImageFact =
  | { readonly state: 'present'; readonly attempt: number; readonly imageId: string }
  | {
      readonly state: 'failed';
      readonly attempt: number;
      readonly reason: string;
      readonly message: string;
      readonly failures: number;
      readonly failedAtMs: number;
      readonly retryAtMs: number;
      /** The wait has been told of as such (`ImagePullBackOff`). */
      readonly isAnnounced: boolean;
    };

export interface StartFault {
  readonly reason: string;
  readonly message: string;
  readonly failures: number;
  readonly retryAtMs: number;
}

export interface ProbeFact {
  readonly startup: 'none' | 'pending' | 'passed' | 'failed';
  readonly readiness: boolean;
  readonly liveness: 'ok' | 'failed';
}

export type HookFact = 'pending' | 'failed';

/** Why a pod ends by the node's own decision. */
export interface Verdict {
  readonly reason: string;
  readonly message: string;
  /** Replaces the pod's own grace period. */
  readonly graceSeconds?: number | undefined;
}
