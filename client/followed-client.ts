import { isDeepStrictEqual } from 'node:util';
import { follow } from '../base/followed-files.ts';
import { TaskGroup } from '../base/task-group.ts';
import type { ApiClient } from './client.ts';
import { type ApiClientOptions, createApiClient } from './http-client.ts';
import { loadKubeconfig } from './kubeconfig.ts';

export type FollowedClientOptions = Omit<ApiClientOptions, 'config'> & {
  /** Read again and again, with the files that it names: its certificate is renewed in place. */
  readonly kubeconfig: string;
};

/**
 * Runs a program that may outlive its certificate: `run` has a client that takes renewed ones as it goes, and is
 * closed when `run` has ended. @throws KubeconfigError, and what `run` throws
 */
export async function runWithClient(
  options: FollowedClientOptions,
  signal: AbortSignal,
  run: (client: ApiClient, signal: AbortSignal) => Promise<void>,
): Promise<void> {
  const { kubeconfig, clock, logger } = options;
  const config = await loadKubeconfig(kubeconfig);
  const client = createApiClient({ ...options, config });
  const followed = {
    ...{ what: kubeconfig, known: config, clock, logger, isSame: isDeepStrictEqual },
    read: () => loadKubeconfig(kubeconfig),
    take: (next: typeof config) => client.renew(next),
  };
  const group = new TaskGroup(signal);
  group.start((until) => follow(followed, until));
  group.start(async (until) => {
    await run(client, until);
    group.stop();
  });
  try {
    await group.join();
  } finally {
    client.close();
  }
}
