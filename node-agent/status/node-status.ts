/** The status of the node as a function of what was read. Pure. */
import { arch, release } from 'node:os';
import type { ContainerImage, NodeCondition, NodeStatus } from '../../api/generated/core-v1.ts';
import { formatMillis } from '../../api/quantity.ts';
import { toTime } from '../../base/clock.ts';
import type { ImageInfo } from '../runtime/runtime.ts';
import type { DiskSpace, HostCapacity, HostIdentity } from '../volume/host-capacity.ts';

export const kubeletVersion = 'v1.36.0+coracle';
const maxPods = 110;
const maxImages = 50;
const gibibyte = 1024 ** 3;
/** Both must hold: a share alone would condemn large disks, a size alone small ones. */
const diskPressure = { share: 0.1, bytes: 5 * gibibyte };
const memoryPressureBytes = 100 * 1024 ** 2;

export interface NodeReadings {
  readonly nodeName: string;
  readonly addresses: readonly string[];
  readonly port: number;
  readonly capacity: HostCapacity;
  readonly availableMemoryBytes: number;
  readonly disk: DiskSpace;
  readonly identity: HostIdentity;
  readonly runtimeVersion: string;
  readonly images: readonly ImageInfo[];
  /** Why the node cannot run pods yet; undefined when it can. */
  readonly notReady: string | undefined;
}

export function nodeStatusOf(
  readings: NodeReadings,
  previous: NodeStatus | undefined,
  nowMs: number,
): NodeStatus {
  const resources = { ...extendedResources(previous?.capacity), ...resourcesOf(readings) };
  return {
    addresses: [
      ...readings.addresses.map((address) => ({ type: 'InternalIP', address })),
      { type: 'Hostname', address: readings.nodeName },
    ],
    capacity: resources,
    allocatable: resources,
    conditions: conditionsOf(readings, previous, nowMs),
    daemonEndpoints: { kubeletEndpoint: { Port: readings.port } },
    nodeInfo: {
      architecture: arch() === 'arm64' ? 'arm64' : 'amd64',
      bootID: readings.identity.bootId,
      containerRuntimeVersion: readings.runtimeVersion,
      kernelVersion: release(),
      kubeProxyVersion: '',
      kubeletVersion,
      machineID: readings.identity.machineId,
      operatingSystem: 'linux',
      osImage: readings.identity.osImage,
      systemUUID: readings.identity.systemUuid,
    },
    images: imagesOf(readings.images),
    features: { supplementalGroupsPolicy: true },
  };
}

/**
 * Extended resources are advertised by others, in the capacity; as the kubelet does, what is there can be allocated.
 * @see https://kubernetes.io/docs/tasks/administer-cluster/extended-resource-node/
 */
const extendedResources = (capacity: Readonly<Record<string, string>> | undefined): Record<string, string> =>
  Object.fromEntries(
    Object.entries(capacity ?? {}).filter(([name]) => name.includes('/') && !name.includes('kubernetes.io/')),
  );

type Amounts = Readonly<Record<string, string>>;

/**
 * The resources of a patch: only what differs from what was read, since others may advertise resources and take them
 * away in the meantime. What can no longer be allocated is taken away by name.
 */
export function resourcesPatch(
  wanted: NodeStatus,
  read: NodeStatus | undefined,
): Record<'capacity' | 'allocatable', Readonly<Record<string, string | null>>> {
  const gone = Object.keys(read?.allocatable ?? {}).filter(
    (name) => wanted.allocatable?.[name] === undefined,
  );
  return {
    capacity: changed(wanted.capacity, read?.capacity),
    allocatable: {
      ...changed(wanted.allocatable, read?.allocatable),
      ...Object.fromEntries(gone.map((name) => [name, null])),
    },
  };
}

const changed = (wanted: Amounts = {}, read: Amounts = {}): Amounts =>
  Object.fromEntries(Object.entries(wanted).filter(([name, amount]) => read[name] !== amount));

function resourcesOf({ capacity, disk }: NodeReadings): Record<string, string> {
  return {
    cpu: formatMillis(capacity.cpuMillis),
    'ephemeral-storage': `${Math.floor(disk.capacityBytes / 1024)}Ki`,
    memory: `${Math.floor(capacity.memoryBytes / 1024)}Ki`,
    pods: String(maxPods),
  };
}

function imagesOf(images: readonly ImageInfo[]): ContainerImage[] {
  return [...images]
    .sort((left, right) => right.sizeBytes - left.sizeBytes)
    .slice(0, maxImages)
    .map(({ repoDigests, repoTags, sizeBytes }) => ({ names: [...repoDigests, ...repoTags], sizeBytes }));
}

interface Finding {
  readonly type: string;
  readonly isTrue: boolean;
  readonly reason: string;
  readonly message: string;
}

function conditionsOf(
  readings: NodeReadings,
  previous: NodeStatus | undefined,
  nowMs: number,
): NodeCondition[] {
  return [memoryFinding(readings), diskFinding(readings), pidFinding, readyFinding(readings)].map(
    ({ type, isTrue, reason, message }) => {
      const status = isTrue ? 'True' : 'False';
      const earlier = previous?.conditions?.find((condition) => condition.type === type);
      const since = earlier?.status === status ? earlier.lastTransitionTime : undefined;
      const now = toTime(nowMs);
      return { type, status, lastHeartbeatTime: now, lastTransitionTime: since ?? now, reason, message };
    },
  );
}

function memoryFinding({ availableMemoryBytes }: NodeReadings): Finding {
  return availableMemoryBytes < memoryPressureBytes
    ? {
        type: 'MemoryPressure',
        isTrue: true,
        reason: 'KubeletHasInsufficientMemory',
        message: 'kubelet has insufficient memory available',
      }
    : {
        type: 'MemoryPressure',
        isTrue: false,
        reason: 'KubeletHasSufficientMemory',
        message: 'kubelet has sufficient memory available',
      };
}

function diskFinding({ disk }: NodeReadings): Finding {
  const isShort =
    disk.availableBytes < disk.capacityBytes * diskPressure.share && disk.availableBytes < diskPressure.bytes;
  return isShort
    ? {
        type: 'DiskPressure',
        isTrue: true,
        reason: 'KubeletHasDiskPressure',
        message: 'kubelet has disk pressure',
      }
    : {
        type: 'DiskPressure',
        isTrue: false,
        reason: 'KubeletHasNoDiskPressure',
        message: 'kubelet has no disk pressure',
      };
}

const pidFinding: Finding = {
  type: 'PIDPressure',
  isTrue: false,
  reason: 'KubeletHasSufficientPID',
  message: 'kubelet has sufficient PID available',
};

function readyFinding({ notReady }: NodeReadings): Finding {
  return notReady === undefined
    ? { type: 'Ready', isTrue: true, reason: 'KubeletReady', message: 'kubelet is posting ready status' }
    : { type: 'Ready', isTrue: false, reason: 'KubeletNotReady', message: notReady };
}

/** Everything but the times of heartbeats. */
export function essenceOf(status: NodeStatus): unknown {
  const { addresses, capacity, allocatable, conditions, daemonEndpoints, nodeInfo, images } = status;
  const own = (conditions ?? [])
    .filter(({ type }) => ['MemoryPressure', 'DiskPressure', 'PIDPressure', 'Ready'].includes(type))
    .map(({ type, status: value, reason, message }) => ({ type, value, reason, message }))
    .sort((left, right) => (left.type < right.type ? -1 : 1));
  return { addresses, capacity, allocatable, own, daemonEndpoints, nodeInfo, images };
}
