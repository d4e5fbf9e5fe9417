/**
 * What the pod workers ask of a container runtime, in the CRI's vocabulary. The embedded implementation drives
 * crun, conmon and overlayfs; another can speak CRI over gRPC.
 *
 * INVARIANTS:
 * - Containers and sandboxes outlive the agent: `listPodSandboxes` and `listContainers` after a restart give all that
 *   is there, in its true state, and the exit of a container that ended meanwhile.
 * - Every `remove` and `stop` is idempotent: an unknown id is a success.
 * - Exits come as events, once each, in the order in which they happened per container.
 *
 * @see https://github.com/kubernetes/cri-api (runtime.v1)
 */
export interface ContainerRuntime {
  readonly name: string;
  /** Version of the runtime as Node.status.nodeInfo.containerRuntimeVersion shows it, e.g. `crun://1.8.1`. */
  version(): Promise<string>;
  /** Namespaces, cgroup, network, resolv.conf and hosts file: everything that a pod's containers share. */
  runPodSandbox(config: PodSandboxConfig): Promise<PodSandboxStatus>;
  /** Kills what still runs in the sandbox and takes its network down; the sandbox stays listed as NotReady. */
  stopPodSandbox(sandboxId: string): Promise<void>;
  removePodSandbox(sandboxId: string): Promise<void>;
  listPodSandboxes(): Promise<PodSandboxStatus[]>;
  createContainer(sandboxId: string, config: ContainerConfig): Promise<string>;
  startContainer(containerId: string): Promise<void>;
  /** `signal` (SIGTERM when left out), and SIGKILL after `graceMs`. Resolves when the container has ended. */
  stopContainer(containerId: string, graceMs: number, signal?: string): Promise<void>;
  /** Only a container that has ended or never started can be removed. */
  removeContainer(containerId: string): Promise<void>;
  listContainers(): Promise<ContainerStatus[]>;
  containerStatus(containerId: string): Promise<ContainerStatus | undefined>;
  /** Runs a command to its end inside the container, for exec probes and hooks. Output is cut at 64 KiB. */
  execSync(containerId: string, command: readonly string[], timeoutMs: number): Promise<ExecResult>;
  /** Runs a command with live streams. */
  exec(containerId: string, request: ExecRequest): Promise<ExecSession>;
  /** Streams of the container's main process (attach). */
  attach(
    containerId: string,
    request: { readonly stdin: boolean; readonly tty: boolean },
  ): Promise<ExecSession>;
  /** Connects to a port on the pod's loopback. @throws RuntimeError `SANDBOX_NOT_FOUND`, `SANDBOX_NOT_READY` */
  connectPort(sandboxId: string, port: number): PortConnection;
  /** Makes conmon open the log file anew after rotation. */
  reopenContainerLog(containerId: string): Promise<void>;
  containerStats(containerId: string): Promise<ContainerStats | undefined>;
  /** CPU, memory and pids of a whole pod, from the cgroup of its sandbox. */
  podStats(sandboxId: string): Promise<ContainerStats | undefined>;
  /** Changes cgroup limits of a running container. */
  updateContainerResources(containerId: string, resources: ContainerResources): Promise<void>;
  /** Changes limits of the pod's own cgroup. What is left out stays as it is. */
  updatePodSandboxResources(sandboxId: string, resources: ContainerResources): Promise<void>;
  onContainerExit(listener: (exit: ContainerExit) => void): void;
  /** Watches for exits until `signal` aborts; leaves everything running. */
  run(signal: AbortSignal): Promise<void>;
}

export interface PodIdentity {
  readonly uid: string;
  readonly namespace: string;
  readonly name: string;
}

export interface PodSandboxConfig {
  readonly pod: PodIdentity;
  /** Counts sandboxes of one pod, from 0. */
  readonly attempt: number;
  readonly hostname: string;
  /** cgroup of the pod relative to the agent's root, e.g. `burstable/pod<uid>`. */
  readonly cgroupParent: string;
  readonly resources: ContainerResources;
  readonly hostNetwork: boolean;
  readonly hostPid: boolean;
  readonly hostIpc: boolean;
  readonly shareProcessNamespace: boolean;
  readonly sysctls: Readonly<Record<string, string>>;
  readonly dns: DnsConfig;
  readonly hostAliases: readonly { readonly ip: string; readonly hostnames: readonly string[] }[];
  /** `<hostname>.<subdomain>.<namespace>.svc.<domain>` when the pod has a subdomain. */
  readonly fullyQualifiedName: string | undefined;
  readonly portMappings: readonly PortMapping[];
  /** Directory of the pod's container logs. */
  readonly logDirectory: string;
  readonly labels: Readonly<Record<string, string>>;
  /** Kept with the sandbox and given back by `listPodSandboxes`. */
  readonly annotations: Readonly<Record<string, string>>;
}

export interface DnsConfig {
  readonly servers: readonly string[];
  readonly searches: readonly string[];
  readonly options: readonly string[];
}

export interface PortMapping {
  readonly hostPort: number;
  readonly hostIp: string;
  readonly containerPort: number;
  readonly protocol: 'TCP' | 'UDP' | 'SCTP';
}

export interface PodSandboxStatus {
  readonly id: string;
  readonly pod: PodIdentity;
  readonly attempt: number;
  readonly ready: boolean;
  readonly createdAtMs: number;
  readonly ips: readonly string[];
  readonly hostNetwork: boolean;
  readonly cgroupParent: string;
  readonly annotations: Readonly<Record<string, string>>;
}

/** Limits as the cgroup takes them. Left out: no limit. */
export interface ContainerResources {
  readonly cpuShares?: number | undefined;
  readonly cpuQuotaMicros?: number | undefined;
  readonly cpuPeriodMicros?: number | undefined;
  readonly memoryLimitBytes?: number | undefined;
  readonly pidsLimit?: number | undefined;
  readonly oomScoreAdj?: number | undefined;
}

export interface Mount {
  readonly hostPath: string;
  readonly containerPath: string;
  readonly readOnly: boolean;
  readonly propagation: 'private' | 'rslave' | 'rshared';
}

export interface ContainerSecurity {
  readonly privileged: boolean;
  readonly readOnlyRootFilesystem: boolean;
  /** Numeric; a name from the image is resolved by the runtime through `runAsUserName`. */
  readonly runAsUser: number | undefined;
  readonly runAsGroup: number | undefined;
  /** The start is refused when the image's user is root or not numeric and no `runAsUser` is given. */
  readonly runAsNonRoot: boolean;
  readonly supplementalGroups: readonly number[];
  /** `Strict`: the user's groups in the image do not count. Left out: they do. */
  readonly supplementalGroupsPolicy?: 'Merge' | 'Strict' | undefined;
  readonly addCapabilities: readonly string[];
  readonly dropCapabilities: readonly string[];
  readonly noNewPrivileges: boolean;
  readonly seccomp: 'RuntimeDefault' | 'Unconfined' | { readonly localhostProfile: string };
  readonly maskProc: boolean;
}

export interface ContainerConfig {
  readonly name: string;
  /** Counts starts of one container of a pod, from 0. */
  readonly attempt: number;
  /** Image id as `ImageService.pullImage` or `imageStatus` gave it. */
  readonly imageId: string;
  /** The reference the user wrote. */
  readonly image: string;
  /** Replaces the image's ENTRYPOINT when not empty; the image's CMD is then dropped too unless `args` is given. */
  readonly command: readonly string[];
  /** Replaces the image's CMD when not empty. */
  readonly args: readonly string[];
  readonly workingDir: string | undefined;
  /** Added to the image's environment, later wins. */
  readonly env: readonly { readonly name: string; readonly value: string }[];
  readonly mounts: readonly Mount[];
  readonly devices: readonly {
    readonly hostPath: string;
    readonly containerPath: string;
    readonly permissions: string;
  }[];
  readonly resources: ContainerResources;
  readonly security: ContainerSecurity;
  readonly stdin: boolean;
  readonly stdinOnce: boolean;
  readonly tty: boolean;
  /** Relative to the sandbox's log directory. CRI log format. */
  readonly logPath: string;
  /** Process namespace of another container of the pod (ephemeral containers' target). */
  readonly targetContainerId?: string | undefined;
  readonly annotations: Readonly<Record<string, string>>;
}

export type ContainerState = 'created' | 'running' | 'exited';

export interface ContainerStatus {
  readonly id: string;
  readonly sandboxId: string;
  readonly podUid: string;
  readonly name: string;
  readonly attempt: number;
  readonly state: ContainerState;
  readonly pid: number | undefined;
  readonly createdAtMs: number;
  readonly startedAtMs: number | undefined;
  readonly finishedAtMs: number | undefined;
  /** Undefined while it runs, and for ever when nobody saw it end (conmon was killed). */
  readonly exitCode: number | undefined;
  /** `Completed`, `Error`, `OOMKilled`, `ContainerStatusUnknown`. */
  readonly reason: string | undefined;
  readonly message: string | undefined;
  readonly image: string;
  readonly imageId: string;
  /** Whom its first process was started as. */
  readonly user?: ContainerUser | undefined;
  readonly logPath: string;
  readonly annotations: Readonly<Record<string, string>>;
}

export interface ContainerUser {
  readonly uid: number;
  readonly gid: number;
  readonly supplementalGroups: readonly number[];
}

export interface ContainerExit {
  readonly containerId: string;
  readonly podUid: string;
}

export interface ExecResult {
  readonly exitCode: number;
  readonly stdout: Buffer;
  readonly stderr: Buffer;
  readonly timedOut: boolean;
}

export interface ExecRequest {
  readonly command: readonly string[];
  readonly stdin: boolean;
  readonly tty: boolean;
  /** What the command finds its terminal to be from its first instruction on; without it: 0 by 0. */
  readonly size?: { readonly rows: number; readonly columns: number } | undefined;
}

/** Live streams of a process. With a tty everything comes on `stdout`. */
export interface ExecSession {
  readonly stdin: NodeJS.WritableStream | undefined;
  readonly stdout: NodeJS.ReadableStream;
  readonly stderr: NodeJS.ReadableStream | undefined;
  resize(rows: number, columns: number): void;
  /** Exit code; resolves after the streams have ended. */
  readonly exit: Promise<number>;
  kill(): void;
}

/** A connection to a port of a pod. */
export interface PortConnection {
  readonly input: NodeJS.WritableStream;
  readonly output: NodeJS.ReadableStream;
  /** Resolves when it is over: with the reason when it failed. */
  readonly end: Promise<string | undefined>;
  close(): void;
}

export interface ContainerStats {
  readonly timeMs: number;
  readonly cpuUsageNanos: number;
  readonly memoryUsageBytes: number;
  /** Usage less inactive file pages, what eviction and `top` look at. */
  readonly memoryWorkingSetBytes: number;
  readonly pids: number;
}

/** Images and their layers. @see CRI ImageService */
export interface ImageService {
  /**
   * Brings an image onto the node and resolves with its id. Concurrent pulls of one reference are one pull.
   * @throws Error with code `IMAGE_NOT_FOUND`, `IMAGE_INVALID_NAME`, `IMAGE_UNAUTHORIZED` or `IMAGE_PULL`.
   */
  pullImage(image: string, auth?: RegistryAuth): Promise<string>;
  imageStatus(image: string): Promise<ImageInfo | undefined>;
  listImages(): Promise<ImageInfo[]>;
  removeImage(imageId: string): Promise<void>;
  /** Bytes used and available where images live. */
  imageFsInfo(): Promise<{
    readonly usedBytes: number;
    readonly availableBytes: number;
    readonly capacityBytes: number;
  }>;
}

export interface RegistryAuth {
  readonly username: string;
  readonly password: string;
}

export interface ImageInfo {
  readonly id: string;
  readonly repoTags: readonly string[];
  readonly repoDigests: readonly string[];
  readonly sizeBytes: number;
  /** User from the image config: `""`, a name, or a number. */
  readonly user: string;
}
