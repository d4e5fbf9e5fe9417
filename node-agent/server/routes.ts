import { once } from 'node:events';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { join } from 'node:path';
import type { Clock } from '../../base/clock.ts';
import type { Logger } from '../../base/logger.ts';
import { containerLogPath } from '../pod/container-config.ts';
import type { PodWorkers } from '../pod/pod-workers.ts';
import { podLogDirectory } from '../pod/sandbox-config.ts';
import type { ContainerRuntime } from '../runtime/runtime.ts';
import type { AgentMetrics } from './agent-metrics.ts';
import { instanceForLogs, workerFor } from './container-target.ts';
import { parseLogQuery, RequestError } from './log-query.ts';
import { readLog } from './log-reader.ts';
import type { StatsSummary } from './stats-summary.ts';

/** What the server's routes need. */
export interface ServerContext {
  readonly workers: PodWorkers;
  readonly runtime: ContainerRuntime;
  readonly logRoot: string;
  readonly stats: StatsSummary;
  readonly metrics: AgentMetrics;
  readonly clock: Clock;
  readonly logger: Logger;
}

export async function answerRequest(
  request: IncomingMessage,
  response: ServerResponse,
  context: ServerContext,
): Promise<void> {
  const url = new URL(request.url ?? '/', 'https://agent');
  if (request.method !== 'GET') throw new RequestError(405, 'Method Not Allowed');
  const [root = '', ...rest] = url.pathname
    .split('/')
    .filter((part) => part !== '')
    .map(decodeURIComponent);
  switch (root) {
    case 'healthz':
      return sendText(response, 'ok');
    case 'metrics':
      return sendText(response, await context.metrics.render(), context.metrics.contentType);
    case 'pods':
      return sendJson(response, podList(context));
    case 'stats':
      if (rest[0] === 'summary') return sendJson(response, await context.stats.read());
      break;
    case 'containerLogs':
      return sendLogs(rest, url.searchParams, response, context);
    default:
  }
  throw new RequestError(404, '404 page not found');
}

function sendText(response: ServerResponse, text: string, type = 'text/plain; charset=utf-8'): void {
  response.writeHead(200, { 'content-type': type });
  response.end(text);
}

function sendJson(response: ServerResponse, body: unknown): void {
  sendText(response, JSON.stringify(body), 'application/json');
}

function podList({ workers }: ServerContext): object {
  const items = workers.all.map(({ pod, memory }) => ({ ...pod, status: memory.lastStatus ?? pod.status }));
  return { kind: 'PodList', apiVersion: 'v1', metadata: {}, items };
}

async function sendLogs(
  path: readonly string[],
  query: URLSearchParams,
  response: ServerResponse,
  context: ServerContext,
): Promise<void> {
  const [namespace = '', pod = '', container = ''] = path;
  const { clock, runtime, logRoot } = context;
  const parsed = parseLogQuery(query, clock.nowMs());
  const worker = workerFor(context.workers, { namespace, pod });
  const instance = instanceForLogs(worker, container, parsed.previous);
  const gone = new AbortController();
  response.on('close', () => gone.abort());
  response.writeHead(200, { 'content-type': 'text/plain; charset=utf-8', 'transfer-encoding': 'chunked' });
  response.flushHeaders();
  const lines = readLog({
    logPath: join(podLogDirectory(logRoot, worker.pod), containerLogPath(instance.name, instance.attempt)),
    query: parsed,
    isRunning: async () => (await runtime.containerStatus(instance.id))?.state === 'running',
    clock,
    signal: gone.signal,
  });
  for await (const chunk of lines)
    if (!response.write(chunk) && !gone.signal.aborted)
      await once(response, 'drain', { signal: gone.signal });
  response.end();
}
