/** The times that a user sees, median of five, beside what Docker Swarm needs for the same on this kind of machine. */
import { must, TestCluster } from '../e2e/cluster.ts';
import { connectTo } from '../e2e/losses.ts';
import { bareContainerMilliseconds } from './measure/bare-container.ts';
import { failoverFigures } from './measure/failover.ts';
import { type Figure, report } from './measure/figures.ts';
import { lookupMicroseconds } from './measure/lookup.ts';
import { podMilliseconds, replicasSeconds, serviceSeconds } from './measure/workload.ts';

const runs = 5;
const cluster = new TestCluster({ name: 'bench', port: 16_460 });

async function repeat(measure: (run: number) => Promise<number>): Promise<number[]> {
  const values: number[] = [];
  for (let run = 0; run < runs; run += 1) values.push(await measure(run));
  return values;
}

const say = (text: string): void => void process.stderr.write(`... ${text}\n`);

async function upSeconds(): Promise<number> {
  must(await cluster.down(), 'deploy/down');
  const startMs = performance.now();
  must(await cluster.up(), 'deploy/up');
  return (performance.now() - startMs) / 1_000;
}

async function measureAll(): Promise<Figure[]> {
  say('up after down');
  const up = await repeat(upSeconds);
  const client = await connectTo(cluster);
  const addresses = [...(await cluster.addresses()).values()];
  try {
    say('bare container');
    const bare = await repeat(() => bareContainerMilliseconds());
    say('one pod');
    const pod = await repeat((run) => podMilliseconds(client, `one-${run}`));
    say('three replicas with a service');
    const three = await repeat((run) => serviceSeconds(client, `three-${run}`, 3, 8_100 + run, addresses));
    say('30 replicas');
    const thirty = await repeat((run) => replicasSeconds(client, `thirty-${run}`, 30));
    say('100 replicas');
    const hundred = await repeat((run) => replicasSeconds(client, `hundred-${run}`, 100));
    say('lookups');
    const lookup = await lookupMicroseconds(cluster);
    say('failover');
    const failover = await failoverFigures(cluster, client, runs);
    return [
      {
        name: 'up after down, to 200 on every node',
        unit: 's',
        values: up,
        goal: 5,
        elsewhere: '4.4 - 6.9 s',
      },
      { name: 'bare conmon + crun, create to running', unit: 'ms', values: bare },
      { name: 'one pod, create to Running', unit: 'ms', values: pod, goal: 300 },
      {
        name: '3 replicas, create to all Ready and answering',
        unit: 's',
        values: three,
        goal: 0.8,
        elsewhere: '1.9 - 2.6 s',
      },
      { name: '30 replicas, create to all Ready', unit: 's', values: thirty, goal: 4, elsewhere: '9 - 10 s' },
      { name: '100 replicas, create to all Ready', unit: 's', values: hundred, goal: 12, elsewhere: '36 s' },
      { name: 'a name looked up in a container', unit: 'us', values: lookup, goal: 100, elsewhere: '125 us' },
      ...failover,
    ];
  } finally {
    client.close();
  }
}

try {
  report('cluster', await measureAll());
} finally {
  await cluster.down();
}
