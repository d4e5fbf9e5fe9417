import type { PortMapping } from '../runtime/runtime.ts';

/** The pod's side of the node's network, as a runtime calls it: CNI's ADD and DEL without the processes. */
export interface PodNetwork {
  /**
   * Gives the network namespace at `netnsPath` its link, address and routes, and opens its host ports.
   * Idempotent per `podUid`: a second call repairs and returns the same addresses. Waits until the node has a pod CIDR.
   * @throws Error with code `POD_CIDR_EXHAUSTED` when no address is free, `HOST_PORT_IN_USE` when a host port is taken.
   */
  attachPod(request: PodAttachment): Promise<{ readonly ips: readonly string[] }>;
  /** Frees all of it. Idempotent; the namespace itself may be gone already. */
  detachPod(podUid: string): Promise<void>;
}

export interface PodAttachment {
  readonly podUid: string;
  readonly namespace: string;
  readonly name: string;
  /** Absolute path of a pinned network namespace. */
  readonly netnsPath: string;
  readonly portMappings: readonly PortMapping[];
}
