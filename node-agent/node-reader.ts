import type { NodeStatus } from '../api/generated/core-v1.ts';
import type { Clock } from '../base/clock.ts';
import type { AgentFlags } from './agent-flags.ts';
import type { ContainerRuntime, ImageService } from './runtime/runtime.ts';
import { nodeStatusOf } from './status/node-status.ts';
import {
  type HostCapacity,
  type HostIdentity,
  readAvailableMemory,
  readDiskSpace,
  readHostCapacity,
  readHostIdentity,
} from './volume/host-capacity.ts';
import { type HostUsage, readHostUsage } from './volume/host-usage.ts';

export interface NodeReaderOptions {
  readonly flags: AgentFlags;
  readonly runtime: ContainerRuntime;
  readonly images: ImageService;
  readonly clock: Clock;
}

/** Reads what the node's status tells: what does not change once, the rest each time. */
export class NodeReader {
  readonly capacity: HostCapacity;
  readonly #options: NodeReaderOptions;
  readonly #identity: HostIdentity;
  readonly #runtimeVersion: string;
  isNetworkReady = false;

  private constructor(
    options: NodeReaderOptions,
    facts: {
      readonly capacity: HostCapacity;
      readonly identity: HostIdentity;
      readonly runtimeVersion: string;
    },
  ) {
    this.#options = options;
    this.capacity = facts.capacity;
    this.#identity = facts.identity;
    this.#runtimeVersion = facts.runtimeVersion;
  }

  static async create(options: NodeReaderOptions): Promise<NodeReader> {
    const [capacity, identity, runtimeVersion] = await Promise.all([
      readHostCapacity(),
      readHostIdentity(),
      options.runtime.version(),
    ]);
    return new NodeReader(options, { capacity, identity, runtimeVersion });
  }

  /** What the machine really uses now. */
  readonly usage = (): Promise<HostUsage> => readHostUsage(this.capacity.memoryBytes);

  async read(previous: NodeStatus | undefined): Promise<NodeStatus> {
    const { flags, images, clock } = this.#options;
    const [disk, availableMemoryBytes, found] = await Promise.all([
      readDiskSpace(flags.rootDir),
      readAvailableMemory(this.capacity.memoryBytes),
      images.listImages(),
    ]);
    const readings = {
      nodeName: flags.nodeName,
      addresses: flags.nodeIp.split(','),
      port: flags.port,
      capacity: this.capacity,
      availableMemoryBytes,
      disk,
      identity: this.#identity,
      runtimeVersion: this.#runtimeVersion,
      images: found,
      notReady: this.isNetworkReady
        ? undefined
        : 'container runtime network not ready: NetworkReady=false reason:NetworkPluginNotReady message:the node has no pod CIDR or its links do not stand yet',
    };
    return nodeStatusOf(readings, previous, clock.nowMs());
  }
}
