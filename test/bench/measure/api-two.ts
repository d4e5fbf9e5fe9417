import type { ApiBench } from './api-bench.ts';
import { type ApiLoad, inParallel } from './api-load.ts';
import { clients, create, path } from './api-pods.ts';
import type { Figure } from './figures.ts';

/** One server and both in turns, so often: what the machine does meanwhile happens to both. */
const pairs = 7;
/** Of each kind, before anything is measured: each has compiled most of what it will. */
const warmUp = 24_000;
const goal = 110;

/** CPU of the servers asked, in milliseconds a request. */
interface PerRequest {
  readonly create: number;
  readonly get: number;
}

interface Pair {
  readonly one: PerRequest;
  readonly two: PerRequest;
}

/**
 * The same requests to one server and to two of them, which both run all the time: together they should cost what one
 * does. Which of the two is the one alternates, and so does who comes first. While one is asked, the other's CPU does
 * not count: it is what a second server costs that nobody asks.
 */
export async function measureTwo(bench: ApiBench, requests: number): Promise<void> {
  const loads = [bench.load, await bench.startAnother()];
  await ask(bench, { loads, servers: [0, 1], prefix: 'again', requests: warmUp });
  const seen: Pair[] = [];
  for (let nth = 0; nth < pairs; nth += 1) {
    const alone = nth % 2;
    const one = (): Promise<PerRequest> => {
      const only = loads.slice(alone, alone + 1);
      return ask(bench, { loads: only, servers: [alone], prefix: `one-${nth}`, requests });
    };
    const two = (): Promise<PerRequest> =>
      ask(bench, { loads, servers: [0, 1], prefix: `two-${nth}`, requests });
    if (nth % 4 < 2) seen.push({ one: await one(), two: await two() });
    else {
      const both = await two();
      seen.push({ one: await one(), two: both });
    }
  }
  for (const what of ['create', 'get'] as const) {
    const add = (name: string, unit: Figure['unit'], of: (pair: Pair) => number, most?: number): void => {
      const values = seen.map(of);
      bench.figures.push({ name, unit, values, ...(most === undefined ? {} : { goal: most }) });
    };
    add(`${what} at one of two servers, CPU`, 'ms', ({ one }) => one[what]);
    add(`${what} at two servers, CPU of both`, 'ms', ({ two }) => two[what]);
    add(`${what} at two servers, CPU of one`, '%', ({ one, two }) => (100 * two[what]) / one[what], goal);
  }
}

interface Asked {
  /** Asked in turn. */
  readonly loads: readonly ApiLoad[];
  /** Whose CPU counts. */
  readonly servers: readonly number[];
  readonly prefix: string;
  readonly requests: number;
}

async function ask(bench: ApiBench, { loads, servers, prefix, requests }: Asked): Promise<PerRequest> {
  // As many at each server: what the requests of one turn share is then shared by as many.
  const width = clients * loads.length;
  const loadOf = (index: number): ApiLoad => loads[index % loads.length] ?? bench.load;
  const created = await bench.cost(
    () => inParallel(requests, width, (index) => create({ load: loadOf(index) }, prefix)(index)),
    servers,
  );
  const got = await bench.cost(
    () =>
      inParallel(2 * requests, width, (index) =>
        loadOf(index).send('GET', `${path}/${prefix}-${index % requests}`),
      ),
    servers,
  );
  return { create: created.cpuMs / requests, get: got.cpuMs / (2 * requests) };
}
