import { readFileSync } from 'node:fs';
import { systemClock } from '../base/clock.ts';
import { createLogger, type Logger } from '../base/logger.ts';
import { runProgram } from '../base/process.ts';
import { systemRandom } from '../base/random.ts';
import { TaskGroup } from '../base/task-group.ts';
import { ApiServer } from './api-server.ts';
import { type ApiServerFlags, FlagError, parseFlags } from './flags.ts';
import type { EtcdTls } from './storage/etcd/connection.ts';
import { EtcdStorage } from './storage/etcd/etcd-storage.ts';
import { MemoryStorage } from './storage/memory-storage.ts';
import type { Storage } from './storage/storage.ts';

/** The store, and what keeps it in order while the server runs. */
interface OpenStorage {
  readonly storage: Storage;
  run(signal: AbortSignal): Promise<void>;
}

function openStorage(flags: ApiServerFlags, logger: Logger): OpenStorage {
  if (flags.storage === 'memory') return { storage: new MemoryStorage(), run: async () => undefined };
  const storage = new EtcdStorage({ endpoints: flags.etcdServers, tls: etcdTls(flags), logger });
  return { storage, run: (signal) => storage.run(signal) };
}

function etcdTls(flags: ApiServerFlags): EtcdTls | undefined {
  const { etcdCaFile, etcdCertFile, etcdKeyFile } = flags;
  if (etcdCaFile === undefined) return undefined;
  return {
    ca: readFileSync(etcdCaFile),
    ...(etcdCertFile === undefined ? {} : { cert: readFileSync(etcdCertFile) }),
    ...(etcdKeyFile === undefined ? {} : { key: readFileSync(etcdKeyFile) }),
  };
}

function flagsOrExit(): ApiServerFlags {
  try {
    return parseFlags(process.argv.slice(2));
  } catch (error) {
    // The one failure that is the caller's: said in one line.
    if (!(error instanceof FlagError)) throw error;
    process.stderr.write(`apiserver: ${error.message}\n`);
    return process.exit(2);
  }
}

const logger = createLogger({ component: 'apiserver' });
const flags = flagsOrExit();
await runProgram(logger, async (signal) => {
  const { storage, run } = openStorage(flags, logger);
  const server = new ApiServer({ flags, logger, clock: systemClock, random: systemRandom, storage });
  const upkeep = new TaskGroup(signal);
  upkeep.start(run);
  await server.run(signal);
  upkeep.stop();
  await upkeep.join();
});
