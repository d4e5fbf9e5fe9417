import type { ConfigMap } from '../../api/generated/core-v1.ts';
import { configmaps } from '../../api/generated/resources.ts';
import { isExpired } from '../../api/status-error.ts';
import { systemClock } from '../../base/clock.ts';
import { silentLogger } from '../../base/logger.ts';
import { systemRandom } from '../../base/random.ts';
import type { ApiClient, WatchEvent, WatchRequest } from '../../client/client.ts';
import type { ClosableApiClient } from '../../client/http-client.ts';
import { Informer } from '../../client/informer.ts';
import { eventually } from '../support/eventually.ts';
import { EtcdTruth } from './etcd-truth.ts';
import { TwoServers } from './two-servers.ts';

export interface ManyInformersReport {
  /** Informers whose changes are not exactly those of the store. */
  readonly wrong: readonly string[];
  /** Reads of the whole state beyond the first of each. */
  readonly relists: number;
  readonly expired: number;
  readonly resumed: number;
  readonly changes: number;
}

const namespace = 'default';
const firstObjects = 10;
const changesPerStep = 40;
const deadlineMs = 90_000;

/** Counts how watches begin, and which are refused. */
class CountingClient implements Pick<ApiClient, 'list' | 'watch'> {
  readonly #client: ClosableApiClient;
  whole = 0;
  resumed = 0;
  expired = 0;

  constructor(client: ClosableApiClient) {
    this.#client = client;
  }

  list: ApiClient['list'] = (type, request) => {
    this.whole += 1;
    return this.#client.list(type, request);
  };

  watch: ApiClient['watch'] = (type, request, signal) =>
    this.#counted(request, this.#client.watch(type, request, signal));

  async *#counted<T>(
    request: WatchRequest,
    events: AsyncIterable<WatchEvent<T>>,
  ): AsyncGenerator<WatchEvent<T>> {
    if (request.resourceVersion === undefined) this.whole += 1;
    else this.resumed += 1;
    try {
      yield* events;
    } catch (error) {
      if (isExpired(error)) this.expired += 1;
      throw error;
    }
  }
}

/** An informer, and the version of each change that it told of since it had the whole state. */
interface Followed {
  readonly informer: Informer<ConfigMap>;
  readonly told: number[];
  from: number;
}

/** Informers on two API servers, of which first one and then the other is killed while objects change. */
export async function followThroughKills(options: {
  readonly informers: number;
  readonly connections: number;
}): Promise<ManyInformersReport> {
  const servers = await TwoServers.start();
  const life = new AbortController();
  try {
    const source = new EtcdTruth(servers.etcd.urls, `/registry/configmaps/${namespace}/`);
    void source.run(life.signal);
    const clients: CountingClient[] = [];
    for (let at = 0; at < options.connections; at += 1)
      clients.push(new CountingClient(await servers.client()));
    const writer = await servers.client();
    await change(writer, firstObjects);
    const followed = await startAll(clients, options.informers, life.signal);
    await change(writer, changesPerStep);
    await servers.kill(0);
    await change(writer, changesPerStep);
    await servers.restart(0);
    await servers.kill(1);
    await change(writer, changesPerStep);
    await eventually(() => {
      const last = source.truth.lastVersion;
      const behind = followed.filter(({ told }) => told.at(-1) !== last).length;
      if (behind > 0 || source.truth.events.length < firstObjects + 3 * changesPerStep)
        throw new Error(`${behind} informers have not seen ${last}`);
    }, deadlineMs);
    const sum = (count: (client: CountingClient) => number): number =>
      clients.reduce((total, client) => total + count(client), 0);
    return {
      wrong: followed.flatMap((each, at) => objectionTo(each, at, source)),
      relists: sum(({ whole }) => whole) - options.informers,
      expired: sum(({ expired }) => expired),
      resumed: sum(({ resumed }) => resumed),
      changes: source.truth.events.length,
    };
  } finally {
    life.abort();
    await servers.stop();
  }
}

async function startAll(
  clients: readonly CountingClient[],
  count: number,
  signal: AbortSignal,
): Promise<readonly Followed[]> {
  const common = { clock: systemClock, random: systemRandom, logger: silentLogger };
  const followed = Array.from({ length: count }, (_, at): Followed => {
    const client = clients[at % clients.length];
    if (client === undefined) throw new Error('there are no connections');
    const selection = { namespace };
    const informer = new Informer<ConfigMap>({ ...common, client, type: configmaps, selection });
    void informer.run(signal);
    return { informer, told: [], from: 0 };
  });
  for (const each of followed) {
    await each.informer.whenSynced(signal);
    each.from = Number(each.informer.lastResourceVersion);
    const tell = ({ metadata }: ConfigMap): void => {
      if (Number(metadata.resourceVersion) > each.from) each.told.push(Number(metadata.resourceVersion));
    };
    const onUpdate = (_: ConfigMap, object: ConfigMap): void => tell(object);
    each.informer.addHandler({ onAdd: tell, onUpdate, onDelete: tell });
  }
  return followed;
}

/** Every change is made, through whichever server lives. */
async function change(writer: ClosableApiClient, count: number): Promise<void> {
  for (let at = 0; at < count; at += 1) {
    const name = `cm-${at % firstObjects}`;
    const value = `${systemRandom.next()}`;
    const body = { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name }, data: { token: value } };
    await eventually(() =>
      writer.patch(
        configmaps,
        { namespace, name },
        { type: 'apply', body, fieldManager: 'test', force: true },
      ),
    );
  }
}

function objectionTo({ told, from }: Followed, at: number, { truth }: EtcdTruth): string[] {
  const happened = truth.events.filter(({ version }) => version > from).map(({ version }) => version);
  if (told.length === happened.length && told.every((version, place) => version === happened[place]))
    return [];
  return [`informer ${at} was told of ${told.length} changes of ${happened.length} after ${from}`];
}
