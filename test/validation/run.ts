/**
 * Watchers, readers and writers under faults, for as long as one likes:
 *
 *   node test/validation/run.ts [--seed N] [--rounds 10] [--watchers 30] [--writers 8]
 *
 * Exit code 1 when something contradicts the history of the store.
 */
import { parseArgs } from 'node:util';
import { validate } from './validation.ts';

const { values } = parseArgs({
  options: {
    seed: { type: 'string', default: '1' },
    rounds: { type: 'string', default: '10' },
    watchers: { type: 'string', default: '30' },
    writers: { type: 'string', default: '8' },
  },
});
const startMs = performance.now();
const log = (line: string): void => {
  process.stdout.write(`${((performance.now() - startMs) / 1000).toFixed(1)} s: ${line}\n`);
};
const { objections, phases, relists } = await validate({
  ...{ seed: Number(values.seed), rounds: Number(values.rounds), log },
  ...{ watchers: Number(values.watchers), writers: Number(values.writers) },
});
for (const objection of objections.slice(0, 50)) process.stdout.write(`${objection}\n`);
for (const { truth, operations, segments } of phases) {
  const deliveries = segments.reduce((sum, { events }) => sum + events.length, 0);
  log(
    `${truth.events.length} changes, ${operations.length} operations, ${deliveries} events in ${segments.length} segments`,
  );
}
log(`${relists} lists after the first, ${objections.length} contradictions`);
process.exit(objections.length === 0 ? 0 : 1);
