/** What a plan asks the executor to do. Steps of one plan may run at the same time. */
export type Step =
  | { readonly kind: 'mountVolumes' }
  | { readonly kind: 'unmountVolumes' }
  | ({ readonly kind: 'ensureImage'; readonly attempt: number } & ImageUse)
  /** Tells that a failed pull is now waiting for its next try. */
  | ({ readonly kind: 'announceImageBackoff' } & ImageUse)
  /** A sandbox that is lost is stopped first, with all that ran in it. */
  | { readonly kind: 'createSandbox'; readonly attempt: number }
  | {
      readonly kind: 'startContainer';
      readonly container: string;
      readonly attempt: number;
      /** How long the next start waits after this instance has ended. */
      readonly restartBackoffMs: number;
    }
  /** Brings running containers to the resources that the node has promised. */
  | { readonly kind: 'resizePod' }
  | { readonly kind: 'runPostStart'; readonly container: string; readonly containerId: string }
  /** Waits until nobody sends new connections to the pod, so long at most. */
  | { readonly kind: 'leaveServices'; readonly withinMs: number }
  | StopContainerStep
  | { readonly kind: 'removeContainer'; readonly containerId: string }
  | { readonly kind: 'stopSandbox'; readonly sandboxId: string }
  /** Removes containers, sandboxes, volumes and directories of a pod whose containers have all ended. */
  | { readonly kind: 'cleanUp' }
  /** Tells the API that the pod is gone from the node. */
  | { readonly kind: 'finaliseDeletion' }
  /** The pod fails by the node's decision. */
  | { readonly kind: 'fail'; readonly reason: string; readonly message: string }
  /** Plan again at this time, whatever happens. */
  | { readonly kind: 'wake'; readonly atMs: number };

/** An image that a container needs to start: its own, or that of a volume. */
export interface ImageUse {
  readonly container: string;
  readonly volume?: string | undefined;
}

/** Under which `PodFacts.images` has it. No container is called like that of a volume. */
export function imageKeyOf({ container, volume }: ImageUse): string {
  return volume === undefined ? container : `volume/${volume}`;
}

export interface StopContainerStep {
  readonly kind: 'stopContainer';
  readonly container: string;
  readonly containerId: string;
  /** Wall time at which SIGKILL is due. */
  readonly deadlineMs: number;
  /** Text of the `Killing` event. */
  readonly message: string;
}

/** Identifies work: a step whose key is in flight is not started again. */
export function stepKey(step: Step): string {
  switch (step.kind) {
    case 'announceImageBackoff':
    case 'ensureImage':
      return `${step.kind} ${imageKeyOf(step)}`;
    case 'startContainer':
      return `startContainer ${step.container}`;
    case 'stopSandbox':
      return `${step.kind} ${step.sandboxId}`;
    case 'runPostStart':
    case 'removeContainer':
      return `${step.kind} ${step.containerId}`;
    case 'stopContainer':
      return `stopContainer ${step.containerId} ${step.deadlineMs}`;
    default:
      return step.kind;
  }
}
