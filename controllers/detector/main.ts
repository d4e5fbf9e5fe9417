import { readFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { systemClock } from '../../base/clock.ts';
import { createLogger } from '../../base/logger.ts';
import { runProgram } from '../../base/process.ts';
import { systemRandom } from '../../base/random.ts';
import { TaskGroup } from '../../base/task-group.ts';
import type { ApiClient } from '../../client/client.ts';
import { fencedClient } from '../../client/fenced-client.ts';
import { runWithClient } from '../../client/followed-client.ts';
import { LeaderElector } from '../../client/leader-elector.ts';
import { Flags } from '../flags.ts';
import { UdpBeatSource } from './beat-source.ts';
import { Detector } from './detector.ts';

const flags = new Flags('detector', {
  kubeconfig: undefined,
  'leader-elect': 'true',
  'leader-elect-identity': `${hostname()}_${process.pid}`,
  'bind-address': '0.0.0.0',
  port: '10260',
  'beat-key-file': undefined,
});
const kubeconfig = flags.required('kubeconfig');
const keyFile = flags.required('beat-key-file');
const address = flags.required('bind-address');
const port = flags.integer('port', 1, 65_535);
const leaderElect = flags.boolean('leader-elect');
const identity = flags.required('leader-elect-identity');

/** Short, because a node that dies while nobody leads is found only by the next leader. */
const leadership = { leaseDurationMs: 5_000, renewDeadlineMs: 2_500, retryPeriodMs: 500 };

const logger = createLogger({ component: 'detector' });
const common = { clock: systemClock, random: systemRandom, logger };

await runProgram(logger, (signal) =>
  runWithClient({ ...common, kubeconfig, userAgent: 'coracle-detector' }, signal, detect),
);

async function detect(client: ApiClient, signal: AbortSignal): Promise<void> {
  const clusterKey = Buffer.from(readFileSync(keyFile, 'utf8').trim(), 'hex');
  const source = new UdpBeatSource({ address, port, clock: common.clock, logger });
  const elector = new LeaderElector({ ...common, ...leadership, client, name: 'coracle-detector', identity });
  const fenced = leaderElect ? fencedClient(client, elector) : client;
  const detector = new Detector({ ...common, client: fenced, source, clusterKey });
  const group = new TaskGroup(signal);
  group.start((groupSignal) => detector.run(groupSignal));
  group.start((groupSignal) =>
    leaderElect
      ? elector.runAsLeader(groupSignal, (leading) => detector.lead(leading))
      : detector.lead(groupSignal),
  );
  await group.join();
}
