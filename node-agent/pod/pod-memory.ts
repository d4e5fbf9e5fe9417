import type { PodStatus, ResourceRequirements } from '../../api/generated/core-v1.ts';
import type { ContainerStatus, PodSandboxStatus } from '../runtime/runtime.ts';
import type { Allocation } from './allocation.ts';
import type {
  HookFact,
  ImageFact,
  PodFacts,
  ProbeFact,
  StartFault,
  Verdict,
  VolumesFact,
} from './pod-facts.ts';
import { retryDelayMs } from './restart-decision.ts';

/** A pod worker's own picture of its pod. Only the worker and its steps write it. */
export class PodMemory implements PodFacts {
  sandboxes: PodSandboxStatus[] = [];
  containers: ContainerStatus[] = [];
  volumes: VolumesFact = { state: 'unmounted' };
  readonly images: Map<string, ImageFact> = new Map<string, ImageFact>();
  readonly faults: Map<string, StartFault> = new Map<string, StartFault>();
  sandboxFault: StartFault | undefined;
  readonly probes: Map<string, ProbeFact> = new Map<string, ProbeFact>();
  readonly hooks: Map<string, HookFact> = new Map<string, HookFact>();
  readonly terminationMessages: Map<string, string> = new Map<string, string>();
  readonly actuated: Map<string, ResourceRequirements> = new Map<string, ResourceRequirements>();
  recovered: Allocation | undefined;
  /** What the node has promised; undefined until the worker has first seen the pod. */
  allocation: Allocation | undefined;
  resizeRefusal: Verdict | undefined;
  resizeFault: StartFault | undefined;
  readonly inFlight: Set<string> = new Set<string>();
  verdict: Verdict | undefined;
  isOrphan = false;
  endingSinceMs: number | undefined;
  hasLeftServices = false;
  readonly acknowledgedAtMs: number;
  isFinalStatusWritten = false;
  isCleanedUp = false;
  /** What was last computed: the times of the conditions' changes are taken over from it. */
  lastStatus: PodStatus | undefined;

  constructor(acknowledgedAtMs: number) {
    this.acknowledgedAtMs = acknowledgedAtMs;
  }

  putContainer(status: ContainerStatus): void {
    this.containers = [...this.containers.filter(({ id }) => id !== status.id), status];
  }

  dropContainer(id: string): void {
    this.containers = this.containers.filter((container) => container.id !== id);
    this.probes.delete(id);
    this.hooks.delete(id);
    this.actuated.delete(id);
    this.terminationMessages.delete(id);
  }

  putSandbox(status: PodSandboxStatus): void {
    this.sandboxes = [...this.sandboxes.filter(({ id }) => id !== status.id), status];
  }
}

/** One more failure of the same kind, and when to try again. */
export function nextFault(
  previous: StartFault | undefined,
  failure: { readonly reason: string; readonly message: string },
  nowMs: number,
): StartFault {
  const failures = (previous?.failures ?? 0) + 1;
  return { ...failure, failures, retryAtMs: nowMs + retryDelayMs(failures) };
}
