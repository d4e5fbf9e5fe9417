import type { IncomingMessage } from 'node:http';
import type { Clock } from '../../base/clock.ts';
import type { AgentClient } from '../streaming/agent-client.ts';
import { agentOf } from '../streaming/pod-target.ts';
import type { ReadCache } from '../watch-cache/read-cache.ts';

/** Answers that are younger are not asked for again: an agent's CPU rates need some time between two looks. */
const freshMs = 10_000;
/** A node that does not answer in this time has no metrics now. */
const answerWithinMs = 5_000;
/** Largest summary that is read: 500 pods with a few containers each take a tenth of it. */
const maxSummaryBytes = 8 << 20;
/** The agent's shortest span of a rate: something that was seen once only may be looked at again after it. */
export const shortestWindowMs = 1_000;

export interface ContainerUsage {
  readonly name: string;
  readonly cpuNanoCores: number;
  readonly memoryBytes: number;
}

export interface NodeUsage {
  readonly atMs: number;
  readonly windowMs: number;
  /** Undefined at the first look at a node. */
  readonly cpuNanoCores: number | undefined;
  readonly memoryBytes: number;
  /** By `namespace/name`; pods with a container of which nothing is known yet are left out. */
  readonly pods: ReadonlyMap<string, readonly ContainerUsage[]>;
}

interface WireStats {
  readonly cpu?: { readonly usageNanoCores?: number; readonly usageCoreNanoSeconds?: number };
  readonly memory?: { readonly workingSetBytes?: number };
}
interface WireSummary {
  readonly node?: WireStats;
  readonly pods?: readonly {
    readonly podRef: { readonly name: string; readonly namespace: string };
    readonly containers?: readonly (WireStats & { readonly name: string })[];
  }[];
}

interface Look {
  readonly atMs: number;
  /** Whether every rate is known. */
  readonly isWhole: boolean;
  readonly cpuNanoSeconds: number;
  readonly usage: NodeUsage;
}

export interface AgentUsageOptions {
  readonly agents: AgentClient;
  readonly cache: ReadCache;
  readonly clock: Clock;
}

/** What pods and nodes use, asked from the nodes' agents when somebody wants to know, and kept for ten seconds. */
export class AgentUsage {
  readonly #options: AgentUsageOptions;
  readonly #looks = new Map<string, Look>();
  readonly #asking = new Map<string, Promise<NodeUsage | undefined>>();

  constructor(options: AgentUsageOptions) {
    this.#options = options;
  }

  /** @returns undefined when the node does not answer */
  async of(node: string): Promise<NodeUsage | undefined> {
    const last = this.#looks.get(node);
    const ageMs = last === undefined ? freshMs : this.#options.clock.nowMs() - last.atMs;
    if (last !== undefined && ageMs < (last.isWhole ? freshMs : shortestWindowMs)) return last.usage;
    let asking = this.#asking.get(node);
    if (asking === undefined) {
      asking = this.#ask(node).finally(() => this.#asking.delete(node));
      this.#asking.set(node, asking);
    }
    return asking;
  }

  async #ask(node: string): Promise<NodeUsage | undefined> {
    let summary: WireSummary;
    try {
      summary = JSON.parse(await this.#read(node)) as WireSummary;
    } catch {
      // Gone, stuck or not one of ours: metrics of a node that cannot be asked are missing, and nothing else fails.
      this.#looks.delete(node);
      return undefined;
    }
    const atMs = this.#options.clock.nowMs();
    const last = this.#looks.get(node);
    const cpuNanoSeconds = summary.node?.cpu?.usageCoreNanoSeconds ?? 0;
    const spanMs = last === undefined ? 0 : atMs - last.atMs;
    const spent = last === undefined ? 0 : cpuNanoSeconds - last.cpuNanoSeconds;
    const usage: NodeUsage = {
      ...{ atMs, windowMs: Math.max(shortestWindowMs, spanMs) },
      // A machine that began anew counts from zero again.
      cpuNanoCores: spanMs === 0 ? undefined : Math.max(0, Math.round((spent / spanMs) * 1_000)),
      memoryBytes: summary.node?.memory?.workingSetBytes ?? 0,
      pods: podsOf(summary),
    };
    const running = (summary.pods ?? []).filter(({ containers = [] }) => containers.length > 0);
    const isWhole = last !== undefined && usage.pods.size === running.length;
    this.#looks.set(node, { atMs, isWhole, cpuNanoSeconds, usage });
    return usage;
  }

  #read(node: string): Promise<string> {
    const { agents, cache, clock } = this.#options;
    return new Promise((resolve, reject) => {
      const request = agents.request(agentOf(cache, node), { method: 'GET', path: '/stats/summary' });
      const timer = clock.setTimer(
        answerWithinMs,
        () => request.destroy(new Error(`ask ${node} for its metrics: no answer`)),
        { unref: true },
      );
      request.once('close', () => timer.cancel());
      request.once('error', reject);
      request.once('response', (message) => {
        readText(message).then(resolve, reject);
      });
      request.end();
    });
  }
}

async function readText(message: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of message) {
    const part = Buffer.from(chunk as Uint8Array);
    bytes += part.length;
    if (bytes > maxSummaryBytes) throw new Error('read metrics of an agent: the answer is too long');
    chunks.push(part);
  }
  if (message.statusCode !== 200)
    throw new Error(`read metrics of an agent: HTTP status ${message.statusCode}`);
  return Buffer.concat(chunks).toString();
}

function podsOf({ pods = [] }: WireSummary): ReadonlyMap<string, readonly ContainerUsage[]> {
  const found = new Map<string, readonly ContainerUsage[]>();
  for (const { podRef, containers = [] } of pods) {
    const known = containers.flatMap(({ name, cpu, memory }): ContainerUsage[] =>
      cpu?.usageNanoCores === undefined || memory?.workingSetBytes === undefined
        ? []
        : [{ name, cpuNanoCores: cpu.usageNanoCores, memoryBytes: memory.workingSetBytes }],
    );
    if (known.length > 0 && known.length === containers.length)
      found.set(`${podRef.namespace}/${podRef.name}`, known);
  }
  return found;
}
