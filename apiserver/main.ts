import { readFileSync } from 'node:fs';
import { systemClock } from '../base/clock.ts';
import { codeOf, messageOf } from '../base/invariant.ts';
import { createLogger, type Logger } from '../base/logger.ts';
import { runProgram } from '../base/process.ts';
import { systemRandom } from '../base/random.ts';
import { TaskGroup } from '../base/task-group.ts';
import { ApiServer } from './api-server.ts';
import { type ApiServerFlags, FlagError, parseFlags } from './flags.ts';
import { EncryptionConfigurationError } from './storage/encryption/configuration.ts';
import { EncryptionKeys } from './storage/encryption/encryption-keys.ts';
import type { EtcdTls } from './storage/etcd/connection.ts';
import { EtcdStorage } from './storage/etcd/etcd-storage.ts';
import { MemoryStorage } from './storage/memory-storage.ts';
import type { Storage } from './storage/storage.ts';

/** The store, and what keeps it in order while the server runs. */
interface OpenStorage {
  readonly storage: Storage;
  run(signal: AbortSignal): Promise<void>;
}

function openStorage(flags: ApiServerFlags, keys: EncryptionKeys | undefined, logger: Logger): OpenStorage {
  if (flags.storage === 'memory') return { storage: new MemoryStorage(), run: async () => undefined };
  const cipher = keys?.ring;
  const storage = new EtcdStorage({ endpoints: flags.etcdServers, tls: etcdTls(flags), cipher, logger });
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

function encryptionKeysOrExit(flags: ApiServerFlags, logger: Logger): EncryptionKeys | undefined {
  const file = flags.encryptionProviderConfig;
  if (file === undefined || flags.storage === 'memory') return undefined;
  try {
    return new EncryptionKeys({ file, logger });
  } catch (error) {
    if (!(error instanceof EncryptionConfigurationError) && codeOf(error) !== 'ENOENT') throw error;
    process.stderr.write(`apiserver: --encryption-provider-config ${file}: ${messageOf(error)}\n`);
    return process.exit(2);
  }
}

const logger = createLogger({ component: 'apiserver' });
const flags = flagsOrExit();
const encryption = encryptionKeysOrExit(flags, logger);
await runProgram(logger, async (signal) => {
  const { storage, run } = openStorage(flags, encryption, logger);
  const server = new ApiServer({
    ...{ flags, logger, storage, encryption },
    clock: systemClock,
    random: systemRandom,
  });
  const upkeep = new TaskGroup(signal);
  upkeep.start(run);
  await server.run(signal);
  upkeep.stop();
  await upkeep.join();
});
