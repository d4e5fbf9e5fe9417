/**
 * What the API server holds and how soon it is ready, empty and with many pods; a part of `api` by itself:
 *
 *   node test/bench/api-held.ts [PODS]
 */
import { builtApiServer } from './measure/api-bench.ts';
import { measureHeld } from './measure/api-held.ts';
import { report } from './measure/figures.ts';

const pods = Number(process.argv[2] ?? 150_000);
report('api-held', await measureHeld(builtApiServer(), pods), 'kube-apiserver 1.36');
