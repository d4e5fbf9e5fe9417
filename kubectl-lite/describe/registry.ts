import type { Lease } from '../../api/generated/coordination-v1.ts';
import type { AnyObject } from '../../api/kind-info.ts';
import { describeAny } from './any.ts';
import { describeConfigMap, describeSecret } from './data.ts';
import { describeNamespace } from './namespace.ts';
import { describeNode } from './node.ts';
import type { Outline } from './outline.ts';
import { describePod } from './pod.ts';
import { describeService } from './service.ts';
import { describeWorkload } from './workload.ts';

/** What else a description shows: pods of a node, slices of a service. */
export interface Related {
  readonly pods: readonly AnyObject[];
  readonly slices: readonly AnyObject[];
  readonly replicaSets: readonly AnyObject[];
  /** A namespace's. */
  readonly quotas: readonly AnyObject[];
  readonly limitRanges: readonly AnyObject[];
  /** A node's. */
  readonly lease: (AnyObject & Lease) | undefined;
  readonly nowMs: number;
}

export type Describer = (outline: Outline, object: AnyObject, related: Related) => void;

const describers: Readonly<Record<string, Describer>> = {
  ConfigMap: describeConfigMap,
  Namespace: describeNamespace,
  Secret: describeSecret,
  Pod: describePod,
  Node: describeNode,
  Service: describeService,
  Deployment: describeWorkload,
  ReplicaSet: describeWorkload,
};

export function describerOf(kind: string): Describer {
  return describers[kind] ?? describeAny;
}
