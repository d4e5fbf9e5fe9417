import { systemClock } from '../../base/clock.ts';
import { silentLogger } from '../../base/logger.ts';
import { type ClosableApiClient, createApiClient } from '../../client/http-client.ts';
import { loadKubeconfig } from '../../client/kubeconfig.ts';
import { ApiServerProcess } from '../support/api-server-process.ts';
import { FaultyProxy } from '../support/faulty-proxy.ts';
import { EtcdCluster } from './etcd-cluster.ts';

const requestTimeoutMs = 10_000;

/** Two API servers on one address, an etcd of three members behind them, and a proxy before them that cuts. */
export class TwoServers {
  readonly etcd: EtcdCluster;
  readonly proxy: FaultyProxy;
  readonly #servers: ApiServerProcess;
  readonly #clients: ClosableApiClient[] = [];
  /** Numbers of those that run, as the process counts them. */
  #running: readonly [number, number] = [0, 1];
  #launched = 2;

  private constructor(etcd: EtcdCluster, servers: ApiServerProcess, proxy: FaultyProxy) {
    this.etcd = etcd;
    this.#servers = servers;
    this.proxy = proxy;
  }

  static async start(): Promise<TwoServers> {
    const etcd = await EtcdCluster.start();
    const servers = await ApiServerProcess.start({ etcdServers: etcd.urls.join(',') });
    await servers.launch();
    return new TwoServers(etcd, servers, await FaultyProxy.start(servers.port));
  }

  /** Over a connection of its own through the proxy. */
  async client(): Promise<ClosableApiClient> {
    const config = await loadKubeconfig(this.#servers.kubeconfig('admin'));
    const server = this.proxy.url.replace('http:', 'https:');
    const common = { clock: systemClock, logger: silentLogger, userAgent: 'validation', requestTimeoutMs };
    const client = createApiClient({ ...common, config: { ...config, server } });
    this.#clients.push(client);
    return client;
  }

  /** As a crash of one of the two; the other goes on. */
  kill(which: 0 | 1): Promise<void> {
    return this.#servers.killOne(this.#running[which]);
  }

  async restart(which: 0 | 1): Promise<void> {
    await this.kill(which);
    const [first, second] = this.#running;
    const launched = this.#launched++;
    this.#running = which === 0 ? [launched, second] : [first, launched];
    await this.#servers.launch();
  }

  async stop(): Promise<void> {
    for (const client of this.#clients) client.close();
    await this.proxy.stop();
    await this.#servers.stop();
    await this.etcd.stop();
  }
}
