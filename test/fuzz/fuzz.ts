import { Campaign } from './campaign.ts';
import { isAgentsFault } from './judge.ts';
import { createWorld, type FuzzRequest, type FuzzWorld } from './requests.ts';
import { requestOnce } from './senders.ts';
import { startStreams } from './streams.ts';
import { FuzzTarget } from './target.ts';

export interface FuzzOptions {
  readonly seed: number;
  readonly count: number;
  readonly clients: number;
  readonly etcdServers: string | undefined;
}

export interface FuzzReport {
  readonly findings: readonly { readonly index: number; readonly what: string; readonly request: string }[];
  readonly summary: string;
  readonly sent: number;
  readonly readBack: number;
}

/** So many requests before the heap is looked at first: by then all that is made once has been made. */
const warmUpRequests = 3_000;
/** What a heap may grow by, besides a share of what it was: pages of code, pools, the window of past events. */
const allowedGrowthBytes = 8 * 1024 * 1024;
/** Of a change that the server keeps for five minutes, for watches that resume: its index, and the maps that hold it. */
const bytesPerChange = 1_500;
const maxShownBytes = 2_000;

/** A campaign with its own server, from start to end. */
export async function fuzz(options: FuzzOptions): Promise<FuzzReport> {
  const target = await FuzzTarget.start(options.etcdServers);
  const agent = await startStreams(target);
  try {
    const world = createWorld();
    const campaign = (seed: number, count: number): Campaign =>
      new Campaign({ target, world, seed, count, clients: options.clients });
    const first = await campaign(
      options.seed + 1_000_000,
      Math.min(warmUpRequests, Math.ceil(options.count / 4)),
    ).run();
    const heapBytesBefore = await target.heapBytes();
    const startMs = performance.now();
    const cpuBefore = target.cpuSeconds();
    const running = campaign(options.seed, options.count);
    const main = await running.run();
    const seconds = (performance.now() - startMs) / 1000;
    const cpuSeconds = target.isAlive ? target.cpuSeconds() - cpuBefore : Number.NaN;
    const heapBytesAfter = target.isAlive ? await target.heapBytes() : Number.NaN;
    await running.sweep(await leftObjects(target, world));
    const findings = [...first.findings, ...main.findings].map(({ index, what, request }) => ({
      ...{ index, what },
      request: show(request),
    }));
    const fault = (what: string): void => void findings.push({ index: -1, what, request: '' });
    if (!target.isAlive) fault('the server has ended');
    for (const path of await leftObjects(target, world)) fault(`left behind: ${path}`);
    if (heapBytesAfter > heapBytesBefore * 1.2 + allowedGrowthBytes + main.changes * bytesPerChange)
      fault(`the heap grew from ${heapBytesBefore} to ${heapBytesAfter} bytes`);
    const logged = target.errors.filter((line) => !isAgentsFault(line));
    for (const line of logged.slice(0, 50)) fault(`logged: ${line.slice(0, maxShownBytes)}`);
    const answers = [...main.answers].sort().map(([kind, number]) => `${number} ${kind}`);
    const megabytes = (bytes: number): string => `${(bytes / 1e6).toFixed(1)} MB`;
    const summary =
      `seed ${options.seed}: ${main.sent} requests in ${seconds.toFixed(1)} s (${Math.round(main.sent / seconds)}/s, ` +
      `${((cpuSeconds / main.sent) * 1000).toFixed(2)} ms of CPU each), ${answers.join(', ')}, ${main.unsendable} unsendable, ` +
      `${main.readBack} read back, ${main.changes} changes; heap ${megabytes(heapBytesBefore)} -> ${megabytes(heapBytesAfter)}; ${findings.length} findings`;
    return { findings, summary, sent: main.sent, readBack: main.readBack };
  } finally {
    agent.closeAllConnections();
    agent.close();
    await target.stop();
  }
}

/** Objects of the campaign that are still there. */
async function leftObjects(target: FuzzTarget, { registry }: FuzzWorld): Promise<string[]> {
  const left: string[] = [];
  if (!target.isAlive) return left;
  for (const { kind } of registry.all) {
    const root = kind.group === '' ? '/api' : `/apis/${kind.group}`;
    const base = `${root}/${kind.version}`;
    const { body } = await requestOnce(target.config, `${base}/${kind.plural}`);
    const { items } = JSON.parse(body.toString()) as { readonly items: readonly MarkedMetadata[] };
    for (const { metadata } of items) {
      if (!`${metadata.namespace} ${metadata.name}`.includes('fuzz-')) continue;
      const scope = kind.namespaced ? `/namespaces/${metadata.namespace}` : '';
      left.push(`${base}${scope}/${kind.plural}/${encodeURIComponent(metadata.name)}`);
    }
  }
  return left;
}

interface MarkedMetadata {
  readonly metadata: { readonly name: string; readonly namespace?: string };
}

function show({ method, path, headers, body }: FuzzRequest): string {
  const text = body?.subarray(0, maxShownBytes).toString() ?? '';
  return `${method} ${path} ${JSON.stringify(headers)} ${JSON.stringify(text)}`;
}
