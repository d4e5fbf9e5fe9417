import type { Clock } from '../../base/clock.ts';
import type { Logger } from '../../base/logger.ts';
import type { PodNetwork } from '../network/pod-network.ts';
import type { RunnableImages } from './runnable-image.ts';

export interface EmbeddedRuntimeOptions {
  /** Survives a reboot: what there was, and the containers' writable layers. */
  readonly rootDir: string;
  /** A tmpfs that is empty after a reboot: pinned namespaces, bundles, exit files. */
  readonly runDir: string;
  /** Absolute within the cgroup hierarchies; every pod's group lies below. */
  readonly cgroupRoot: string;
  readonly images: RunnableImages;
  readonly network: PodNetwork;
  readonly clock: Clock;
  readonly logger: Logger;
  /** A profile in Docker's form, for `RuntimeDefault`. */
  readonly seccompProfilePath?: string;
  /** Directory of `Localhost` profiles, as the kubelet's `<root>/seccomp`. */
  readonly localhostProfileDir?: string;
  readonly crunPath?: string;
  readonly conmonPath?: string;
  readonly catatonitPath?: string;
  /** Pods and containers that may be in the making at the same time. */
  readonly parallelism?: number;
}

/** Where everything lies. Paths are short: the attach socket's must fit into 108 bytes, the overlay's into a page. */
export interface RuntimePaths {
  readonly sandboxes: string;
  readonly containers: string;
  readonly namespaces: string;
  readonly shm: string;
  readonly bundles: string;
  readonly exits: string;
  readonly crunRoot: string;
  readonly seccompPrograms: string;
}

export function runtimePathsOf(options: { readonly rootDir: string; readonly runDir: string }): RuntimePaths {
  return {
    sandboxes: `${options.rootDir}/sandboxes`,
    containers: `${options.rootDir}/containers`,
    namespaces: `${options.runDir}/ns`,
    shm: `${options.runDir}/shm`,
    bundles: `${options.runDir}/c`,
    exits: `${options.runDir}/exits`,
    crunRoot: `${options.runDir}/crun`,
    seccompPrograms: `${options.rootDir}/seccomp-programs`,
  };
}
