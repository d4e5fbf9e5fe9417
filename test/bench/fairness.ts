/**
 * One user hammers an API server that has half a core; what another user and the control plane see of it:
 *
 *   node test/bench/fairness.ts [PART,PART...] [SECONDS] [PERIOD_US]
 *
 * `hammer`: 500 connections, with fairness and without it (50 s); `others`: nobody beside them, and 500 connections of ten
 * requests each (45 s); `renewal`: certificates made anew meanwhile, under 100 watches (35 s); `memory`: what the server
 * holds under a longer hammer (75 s, or as long as SECONDS and 15 more). All but the last when none is named.
 *
 * Needs root: the server runs in a cgroup. A group that has used up its quota stands still for the rest of the period, so
 * the figure of a user with nobody beside them in the same group is the floor. The store and those who are measured come
 * before everybody else on the machine.
 */
import { builtApiServer } from './measure/api-bench.ts';
import {
  type FairnessResult,
  fairnessFigures,
  fairnessOff,
  hammered,
  measureFairness,
} from './measure/fairness-bench.ts';
import { type Figure, report } from './measure/figures.ts';
import { measureRenewal } from './measure/renewal-bench.ts';

const [parts = 'hammer,others,renewal', seconds = '15', period = '10000'] = process.argv.slice(2);
const known = ['hammer', 'others', 'renewal', 'memory'];
const chosen = parts.split(',');
for (const part of chosen)
  if (!known.includes(part)) throw new Error(`no part "${part}" (there are: ${known.join(', ')})`);

const common = { program: builtApiServer(), warmUpSeconds: 6, periodUs: Number(period), fairness: true };
const options = { ...common, seconds: Number(seconds) };
const load = { connections: 500, streams: 0 };
const longSeconds = Math.max(60, Number(seconds));

const results: Record<string, FairnessResult> = {};
const figures: Figure[] = [];
if (chosen.includes('hammer')) {
  results[hammered] = await measureFairness({ ...options, load });
  results[fairnessOff] = await measureFairness({ ...options, fairness: false, load });
}
if (chosen.includes('others')) {
  results['alone'] = await measureFairness({ ...options, load: undefined });
  results['500 of 10 streams'] = await measureFairness({ ...options, load: { ...load, streams: 10 } });
}
if (chosen.includes('renewal')) figures.push(...(await measureRenewal({ ...common, load })));
if (chosen.includes('memory'))
  results[`500 connections for ${longSeconds} s`] = await measureFairness({
    ...options,
    seconds: longSeconds,
    load,
  });
report('fairness', [...fairnessFigures(results), ...figures], '');
