import type { ApiBench } from './api-bench.ts';
import { inParallel } from './api-load.ts';
import { clients, create, path, warmUp } from './api-pods.ts';

/** Creates and gets at the servers that there are; CPU of all of them together, in milliseconds a request. */
async function measure(
  bench: ApiBench,
  prefix: string,
  requests: number,
): Promise<{ readonly create: number; readonly get: number }> {
  const created = await bench.cost(() => inParallel(requests, clients, create(bench, prefix)));
  const got = await bench.cost(() =>
    inParallel(2 * requests, clients, (index) =>
      bench.load.send('GET', `${path}/${prefix}-${index % requests}`),
    ),
  );
  return { create: created.cpuMs / requests, get: got.cpuMs / (2 * requests) };
}

/** After so many requests to two servers each has compiled what it will: see `deploy/node-options.ts`. */
const settled = { creates: 36 * warmUp, gets: 20 * warmUp };

/**
 * The same requests to two servers: together they should cost what one does. The second server is then measured alone,
 * so that both figures are of programs that have run equally long: a server that has just begun compiles.
 */
export async function measureTwo(bench: ApiBench, requests: number): Promise<void> {
  await bench.startAnother();
  await inParallel(settled.creates, clients, create(bench, 'again'));
  await inParallel(settled.gets, clients, (index) => bench.load.send('GET', `${path}/again-${index}`));
  const two = await measure(bench, 'two', requests);
  await bench.endFirst();
  await inParallel(warmUp, clients, create(bench, 'single'));
  const one = await measure(bench, 'one', requests);
  bench.add('create at two servers, CPU of both', 'ms', two.create);
  bench.add('create at two servers, CPU of one', '%', (100 * two.create) / one.create, 110);
  bench.add('get at two servers, CPU of both', 'ms', two.get);
  bench.add('get at two servers, CPU of one', '%', (100 * two.get) / one.get, 110);
}
