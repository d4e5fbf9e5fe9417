import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ApiServer } from '../../apiserver/api-server.ts';
import { parseFlags } from '../../apiserver/flags.ts';
import { MemoryStorage } from '../../apiserver/storage/memory-storage.ts';
import type { Storage } from '../../apiserver/storage/storage.ts';
import { systemClock } from '../../base/clock.ts';
import { createLogger, type Logger } from '../../base/logger.ts';
import { systemRandom } from '../../base/random.ts';
import { type ClosableApiClient, createApiClient } from '../../client/http-client.ts';
import { loadKubeconfig } from '../../client/kubeconfig.ts';
import { eventually, startDeadlineMs } from './eventually.ts';
import { freePort } from './free-port.ts';
import { createTestPki } from './test-pki.ts';

/** A real API server in this process, on a port and in a directory of its own. */
export interface TestApiServer {
  readonly directory: string;
  /** A client with the rights of `admin`, `controllers`, `detector`, `scheduler` or a node. */
  clientAs(user: string): Promise<ClosableApiClient>;
  stop(): Promise<void>;
}

/** `TEST_LOG_LEVEL=info` shows what the programs under test log. */
export const testLogLevel: string = process.env['TEST_LOG_LEVEL'] ?? 'silent';
export const testLogger: Logger = createLogger({ component: 'test', level: testLogLevel });

export async function startApiServer(
  nodes: readonly string[],
  storage: Storage = new MemoryStorage(),
  moreFlags: readonly string[] = [],
): Promise<TestApiServer> {
  const directory = await mkdtemp(join(tmpdir(), 'coracle-api-'));
  const port = await freePort();
  const pki = await createTestPki({ directory, port, nodes });
  const flags = parseFlags([
    ...pki.apiserverFlags,
    `--secure-port=${port}`,
    '--storage=memory',
    ...moreFlags,
  ]);
  const common = { clock: systemClock, random: systemRandom, logger: testLogger };
  const server = new ApiServer({ ...common, flags, storage });
  const stopping = new AbortController();
  const running = server.run(stopping.signal);
  const clients: ClosableApiClient[] = [];
  const clientAs = async (user: string): Promise<ClosableApiClient> => {
    const config = await loadKubeconfig(join(directory, `${user}.kubeconfig`));
    const client = createApiClient({ ...common, config, userAgent: `test-${user}` });
    clients.push(client);
    return client;
  };
  const admin = await clientAs('admin');
  await eventually(async () => {
    const { status } = await admin.request({ method: 'GET', path: '/readyz' });
    if (status !== 200) throw new Error(`/readyz: HTTP status ${status}`);
  }, startDeadlineMs);
  return {
    directory,
    clientAs,
    async stop() {
      stopping.abort();
      await running;
      for (const client of clients) client.close();
      await rm(directory, { recursive: true, force: true });
    },
  };
}
