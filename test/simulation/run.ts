/** `SEED=7 node test/simulation/run.ts`: one run with its trace; `SEEDS=1-200`: many, each with its verdict. */
import { createLogger } from '../../base/logger.ts';
import { simulate } from './simulation.ts';

const [first = 1, last = first] = (process.env['SEEDS'] ?? process.env['SEED'] ?? '1').split('-').map(Number);
const level = process.env['LOG'];
const showTrace = process.env['TRACE'] !== undefined;

for (let seed = first; seed <= last; seed += 1) {
  const startedMs = performance.now();
  const result = await simulate({
    seed,
    keepTrace: showTrace,
    ...(level === undefined ? {} : { loggerOf: ({ name }) => createLogger({ component: name, level }) }),
  });
  for (const line of result.trace) console.log(line);
  const { traceHash, violations, steps, compared, simulatedMs } = result;
  const seconds = ((performance.now() - startedMs) / 1_000).toFixed(1);
  console.log(
    `SEED=${seed} ${traceHash} ${violations.length === 0 ? 'ok' : 'VIOLATED'} ${(simulatedMs / 1_000).toFixed(0)} s in ${seconds} s, ${steps} steps, ${compared} compared`,
  );
  for (const { atMs, check, message } of violations.slice(0, 8))
    console.log(`  ${atMs.toFixed(0)} ${check}: ${message}`);
}
process.exit(0);
