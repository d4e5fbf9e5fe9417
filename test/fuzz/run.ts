/**
 * Damaged requests against a real API server:
 *
 *   node test/fuzz/run.ts [--count 100000] [--seed N] [--storage memory|etcd] [--clients 16]
 *
 * Every case follows from the seed and its number. Exit code 1 when something was found.
 */
import { parseArgs } from 'node:util';
import { EtcdProcess } from '../support/etcd-process.ts';
import { fuzz } from './fuzz.ts';

const { values } = parseArgs({
  options: {
    count: { type: 'string', default: '100000' },
    seed: { type: 'string', default: '1' },
    storage: { type: 'string', default: 'memory' },
    clients: { type: 'string', default: '16' },
  },
});
const etcd = values.storage === 'etcd' ? await EtcdProcess.start() : undefined;
const report = await fuzz({
  ...{ seed: Number(values.seed), count: Number(values.count), clients: Number(values.clients) },
  etcdServers: etcd?.url,
});
await etcd?.stop();
for (const finding of report.findings)
  process.stdout.write(`#${finding.index} ${finding.what}\n  ${finding.request}\n`);
process.stdout.write(`${report.summary}\n`);
process.exit(report.findings.length === 0 ? 0 : 1);
