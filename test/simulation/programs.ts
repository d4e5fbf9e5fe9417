import type { Clock } from '../../base/clock.ts';
import type { Logger } from '../../base/logger.ts';
import type { Random } from '../../base/random.ts';
import { TaskGroup } from '../../base/task-group.ts';
import type { ApiClient } from '../../client/client.ts';
import { fencedClient } from '../../client/fenced-client.ts';
import { LeaderElector } from '../../client/leader-elector.ts';
import type { BeatSource } from '../../controllers/detector/beat-source.ts';
import { Detector } from '../../controllers/detector/detector.ts';
import { runControllers } from '../../controllers/program.ts';
import { runScheduler } from '../../scheduler/scheduler.ts';

export type ProgramName = 'controllers' | 'scheduler' | 'detector';

export interface ProgramContext {
  readonly client: ApiClient;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  readonly identity: string;
  readonly source: BeatSource;
  readonly beatKey: Buffer;
}

const settings = { clusterCidr: '10.244.0.0/16', nodeCidrMaskSize: 24, rootCa: undefined };
const forever: AbortSignal = new AbortController().signal;

/** Moves as soon as it may, so that faults meet it in the middle. */
const eagerRebalancing = { mode: 'on', settings: { movesPerMinute: 60, settleMs: 1_000 } } as const;

/** As in the programs' own `main.ts`. */
const detectorLeadership = { leaseDurationMs: 5_000, renewDeadlineMs: 2_500, retryPeriodMs: 500 };

/** What each program does after its flags are read. */
export const programs: Readonly<Record<ProgramName, (context: ProgramContext) => Promise<void>>> = {
  controllers(context) {
    const elector = new LeaderElector({ ...context, name: 'kube-controller-manager' });
    const client = fencedClient(context.client, elector);
    return elector.runAsLeader(forever, (leading) =>
      runControllers({ ...context, client, settings }, leading),
    );
  },
  scheduler: (context) =>
    runScheduler({ ...context, strategy: 'least-loaded', rebalance: eagerRebalancing }, forever),
  async detector(context) {
    const elector = new LeaderElector({ ...context, ...detectorLeadership, name: 'coracle-detector' });
    const client = fencedClient(context.client, elector);
    const detector = new Detector({ ...context, client, clusterKey: context.beatKey });
    const group = new TaskGroup(forever);
    group.start((signal) => detector.run(signal));
    group.start((signal) => elector.runAsLeader(signal, (leading) => detector.lead(leading)));
    await group.join();
  },
};
