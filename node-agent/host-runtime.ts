import { join } from 'node:path';
import type { Clock } from '../base/clock.ts';
import type { Logger } from '../base/logger.ts';
import type { AgentFlags } from './agent-flags.ts';
import { createImageService } from './image/image-service.ts';
import type { PodNetwork } from './network/pod-network.ts';
import { createEmbeddedRuntime } from './runtime/embedded-runtime.ts';
import type { ContainerRuntime, ImageService } from './runtime/runtime.ts';

export interface HostRuntimeOptions {
  readonly flags: AgentFlags;
  readonly network: PodNetwork;
  readonly clock: Clock;
  readonly logger: Logger;
}

export interface HostRuntime {
  readonly runtime: ContainerRuntime;
  readonly images: ImageService;
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
    localhostProfileDir: join(flags.rootDir, 'seccomp'),
  });
  return { runtime, images };
}
