import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { Clock } from '../base/clock.ts';
import type { Logger } from '../base/logger.ts';
import type { AgentFlags } from './agent-flags.ts';
import { createImageService, type NodeImages } from './image/image-service.ts';
import type { PodNetwork } from './network/pod-network.ts';
import { createEmbeddedRuntime } from './runtime/embedded-runtime.ts';
import type { ContainerRuntime } from './runtime/runtime.ts';

export interface HostRuntimeOptions {
  readonly flags: AgentFlags;
  readonly network: PodNetwork;
  readonly clock: Clock;
  readonly logger: Logger;
}

export interface HostRuntime {
  readonly runtime: ContainerRuntime;
  readonly images: NodeImages;
}

/** The administrator's profile before the one that skopeo's package brings. */
const seccompProfiles = ['/etc/containers/seccomp.json', '/usr/share/containers/seccomp.json'];

/** @throws rather than run containers unconfined that nobody asked to be so. */
function seccompProfile(): string {
  const path = seccompProfiles.find((candidate) => existsSync(candidate));
  if (path === undefined)
    throw new Error(`no default seccomp profile: none of ${seccompProfiles.join(', ')}`);
  return path;
}

/** Containers and images of this host, below the agent's directories. */
export async function createHostRuntime(options: HostRuntimeOptions): Promise<HostRuntime> {
  const { flags, network, clock, logger } = options;
  const images = await createImageService({
    rootDir: join(flags.rootDir, 'images'),
    localDirs: flags.imageDir === undefined ? [] : [flags.imageDir],
    layerStores: flags.layerStore === undefined ? [] : [flags.layerStore],
    insecureRegistries: flags.insecureRegistries,
    clock,
    logger: logger.child({ part: 'image' }),
  });
  const runtime = await createEmbeddedRuntime({
    rootDir: join(flags.rootDir, 'runtime'),
    runDir: join(flags.runDir, 'runtime'),
    cgroupRoot: flags.cgroupRoot,
    images,
    network,
    clock,
    logger: logger.child({ part: 'runtime' }),
    seccompProfilePath: seccompProfile(),
    localhostProfileDir: join(flags.rootDir, 'seccomp'),
  });
  return { runtime, images };
}
