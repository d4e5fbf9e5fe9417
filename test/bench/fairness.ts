/**
 * One user hammers an API server that has half a core; what another user and the control plane see of it:
 *
 *   node test/bench/fairness.ts [SECONDS] [PERIOD_US]
 *
 * Needs root: the server runs in a cgroup. A group that has used up its quota stands still for the rest of the period, so
 * the figure of a user with nobody beside them in the same group is the floor.
 */
import { builtApiServer } from './measure/api-bench.ts';
import { measureFairness, reportFairness } from './measure/fairness-bench.ts';

const [seconds = '15', period = '10000'] = process.argv.slice(2);
const measured = { seconds: Number(seconds), warmUpSeconds: 6, periodUs: Number(period) };
const options = { program: builtApiServer(), ...measured };

const alone = await measureFairness({ ...options, fairness: true, load: undefined });
const fair = await measureFairness({ ...options, fairness: true, load: { connections: 500, streams: 0 } });
const streams = await measureFairness({
  ...options,
  fairness: true,
  load: { connections: 500, streams: 10 },
});
const unfair = await measureFairness({ ...options, fairness: false, load: { connections: 500, streams: 0 } });
reportFairness({ alone, fair, streams, unfair });
