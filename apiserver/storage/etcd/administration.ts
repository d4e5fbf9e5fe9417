/**
 * What an administrator does to etcd, through the npm package `etcd3`: list and clear alarms, defragment members. It
 * is loaded when first needed, since loading takes a tenth of a second. It serves no reads, writes or watches: that
 * package repeats writes by itself and its watcher can lose events; these calls may be repeated.
 */
import type { Etcd3 } from 'etcd3';
import type { EtcdTls } from './connection.ts';

const dialTimeoutMs = 5_000;

export class EtcdAdministration {
  readonly #endpoints: readonly string[];
  readonly #tls: EtcdTls | undefined;

  constructor(options: { readonly endpoints: readonly string[]; readonly tls?: EtcdTls | undefined }) {
    this.#endpoints = options.endpoints;
    this.#tls = options.tls;
  }

  /** Names of the raised alarms, `NOSPACE` or `CORRUPT`. */
  alarms(): Promise<string[]> {
    return this.#with(this.#endpoints, async (etcd) => {
      const { alarms } = await etcd.maintenance.alarm({ action: 'Get' });
      return alarms.map(({ alarm }) => String(alarm).toUpperCase());
    });
  }

  /** Gives free space back to the file system, member by member; each answers nobody for as long as it takes. */
  async defragment(): Promise<void> {
    for (const endpoint of this.#endpoints)
      await this.#with([endpoint], async (etcd) => void (await etcd.maintenance.defragment()));
  }

  /** Lets writes through again. etcd raises the alarm anew when the space has not become less. */
  clearSpaceAlarm(): Promise<void> {
    return this.#with(this.#endpoints, async (etcd) => {
      const { alarms } = await etcd.maintenance.alarm({ action: 'Get' });
      for (const { memberID, alarm } of alarms)
        if (String(alarm).toUpperCase() === 'NOSPACE')
          await etcd.maintenance.alarm({ action: 'Deactivate', memberID, alarm });
    });
  }

  async #with<T>(hosts: readonly string[], call: (etcd: Etcd3) => Promise<T>): Promise<T> {
    const { Etcd3: Client } = await import('etcd3');
    const etcd = new Client({
      hosts: [...hosts],
      dialTimeout: dialTimeoutMs,
      ...(this.#tls === undefined ? {} : { credentials: credentialsOf(this.#tls) }),
    });
    try {
      return await call(etcd);
    } finally {
      etcd.close();
    }
  }
}

function credentialsOf(tls: EtcdTls): { rootCertificate: Buffer; certChain?: Buffer; privateKey?: Buffer } {
  return {
    rootCertificate: Buffer.from(tls.ca),
    ...(tls.cert === undefined ? {} : { certChain: Buffer.from(tls.cert) }),
    ...(tls.key === undefined ? {} : { privateKey: Buffer.from(tls.key) }),
  };
}
