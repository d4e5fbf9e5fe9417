import type { Pod, Service } from '../../api/generated/core-v1.ts';
import type { Clock } from '../../base/clock.ts';
import type { Logger } from '../../base/logger.ts';
import type { ApiClient } from '../../client/client.ts';
import type { EventSink } from '../../client/event-recorder.ts';
import type { ProbeChecks } from '../probe/probe-checks.ts';
import type { ContainerRuntime, ImageService } from '../runtime/runtime.ts';
import type { StatusWriter } from '../status/status-writer.ts';
import type { ObjectReferences } from '../volume/object-references.ts';
import type { PodDirectories } from '../volume/pod-directories.ts';
import type { PodVolumes } from '../volume/pod-volumes.ts';
import type { NodeFacts } from './field-value.ts';
import type { PodMemory } from './pod-memory.ts';
import type { NamedContainer } from './pod-spec.ts';
import type { ClusterNames } from './sandbox-config.ts';

/** The node as its pods see it. Allocatable may change while pods run. */
export interface PodNode {
  readonly names: ClusterNames;
  readonly memoryBytes: number;
  readonly podPidsLimit: number | undefined;
  /** cgroup of each pod's logs: `<root>/<namespace>_<name>_<uid>`. */
  readonly logRoot: string;
  facts(): NodeFacts;
}

/** Knows when a pod that ends gets no new connections any more. */
export interface Departures {
  /** Resolves when no live node sends new connections to the pod, or after `withinMs`. */
  leave(pod: Pod, withinMs: number): Promise<void>;
}

/** What pod workers work with; one set for the whole agent. */
export interface PodDependencies {
  readonly client: Pick<ApiClient, 'delete'>;
  readonly runtime: ContainerRuntime;
  readonly images: ImageService;
  readonly volumes: PodVolumes;
  readonly directories: PodDirectories;
  readonly objects: ObjectReferences;
  readonly services: () => readonly Service[];
  readonly checks: ProbeChecks;
  readonly departures: Departures;
  readonly statuses: StatusWriter;
  readonly events: EventSink;
  readonly node: PodNode;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** One pod's worker as its steps see it. */
export interface PodRun {
  readonly dependencies: PodDependencies;
  readonly memory: PodMemory;
  /** The newest object. */
  readonly pod: Pod;
  /** Reads a container's state anew from the runtime. */
  refreshContainer(id: string): Promise<void>;
  report(report: PodReport): void;
}

export interface PodReport {
  readonly type: 'Normal' | 'Warning';
  readonly reason: string;
  readonly message: string;
  readonly container?: NamedContainer | undefined;
}
