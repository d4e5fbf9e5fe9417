import type { IncomingMessage } from 'node:http';
import type { Pod } from '../../api/generated/core-v1.ts';
import { badRequest, notFound, StatusError } from '../../api/status-error.ts';
import { onAbort } from '../../base/abort.ts';
import type { Answer } from '../http/answer.ts';
import type { ResourceRequest } from '../http/api-request.ts';
import type { ClientResponse } from '../http/client-response.ts';
import type { Handled, SubresourceRoutes } from '../http/router.ts';
import type { WriteDependencies } from '../http/writes.ts';
import type { AgentClient } from './agent-client.ts';
import { agentOf, containerOf } from './pod-target.ts';

/** What of an agent's refusal is told. */
const refusalBytes = 2_000;

export interface LogDependencies extends WriteDependencies {
  readonly agents: AgentClient;
}

/** `GET pods/<name>/log`. */
export function logRoutes(deps: LogDependencies): SubresourceRoutes {
  return { get: (request) => readLog(deps, request) };
}

async function readLog(deps: LogDependencies, request: ResourceRequest): Promise<Handled> {
  const { strategy, info, query, response } = request;
  const found = await deps.store.read(strategy, info.namespace, info.name);
  if (found === undefined) throw notFound(strategy.kind, info.name);
  const message = await openLog(deps, { pod: JSON.parse(found.json.toString()) as Pod, info, query }, (end) =>
    response.onClose(end),
  );
  if (message === undefined) return emptyLog;
  await pipeToClient(message, response, deps.stopping);
  return undefined;
}

/**
 * The agent's answer with the log; undefined while the pod has no node.
 * @param onLeave is told how to end the request when the client goes
 * @throws StatusError what is wrong with the request, or what the agent refuses
 */
export async function openLog(
  { agents, cache }: Pick<LogDependencies, 'agents' | 'cache'>,
  { pod, info, query }: Pick<ResourceRequest, 'info' | 'query'> & { readonly pod: Pod },
  onLeave: (end: () => void) => void,
): Promise<IncomingMessage | undefined> {
  checkQuery(query);
  const container = containerOf(pod, query.get('container') ?? '');
  const nodeName = pod.spec?.nodeName ?? '';
  if (nodeName === '') return undefined;
  const forwarded = new URLSearchParams(query);
  forwarded.delete('container');
  const path = `/containerLogs/${[info.namespace, info.name, container].map(encodeURIComponent).join('/')}?${forwarded}`;
  const upstream = agents.request(agentOf(cache, nodeName), { method: 'GET', path });
  onLeave(() => upstream.destroy());
  const message = await answerOf(upstream);
  if ((message.statusCode ?? 500) >= 400) throw await refusalOf(message);
  return message;
}

const emptyLog: Answer = { status: 200, contentType: 'text/plain', body: '' };
const countFields = ['tailLines', 'limitBytes', 'sinceSeconds'];

function checkQuery(query: URLSearchParams): void {
  for (const field of countFields) {
    const value = query.get(field);
    if (value !== null && value !== '' && !/^-?\d+$/.test(value))
      throw badRequest(`strconv.ParseInt: parsing ${JSON.stringify(value)}: invalid syntax`);
  }
}

/** The head of the agent's answer. */
function answerOf(upstream: ReturnType<AgentClient['request']>): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    upstream.once('response', resolve);
    upstream.once('error', (cause) =>
      reject(
        new StatusError({
          reason: 'InternalError',
          code: 500,
          message: `Internal error occurred: ask the node's agent: ${cause.message}`,
          details: { causes: [{ message: cause.message }] },
          cause,
        }),
      ),
    );
    upstream.end();
  });
}

async function refusalOf(message: IncomingMessage): Promise<StatusError> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of message) {
    if (!Buffer.isBuffer(chunk)) continue;
    chunks.push(chunk);
    bytes += chunk.length;
    if (bytes >= refusalBytes) break;
  }
  const text = Buffer.concat(chunks).toString('utf8', 0, refusalBytes).trim();
  const code = message.statusCode ?? 500;
  if (code === 400) return badRequest(text);
  if (code === 404) return new StatusError({ reason: 'NotFound', code, message: text, details: {} });
  return new StatusError({
    reason: 'InternalError',
    code: 500,
    message: `Internal error occurred: ${text}`,
    details: { causes: [{ message: text }] },
  });
}

/** Copies as fast as the client takes it. */
export function pipeToClient(
  message: IncomingMessage,
  response: ClientResponse,
  stopping: AbortSignal,
): Promise<void> {
  return new Promise((resolve) => {
    response.writeHead(message.statusCode ?? 200, {
      'content-type': message.headers['content-type'] ?? 'text/plain',
      'cache-control': 'no-cache, private',
    });
    response.flushHead();
    let stopListening = (): void => undefined;
    const end = (): void => {
      stopListening();
      message.destroy();
      response.end();
      resolve();
    };
    message.on('data', (chunk: Buffer) => {
      if (response.write(chunk)) return;
      message.pause();
      response.onDrain(() => message.resume());
    });
    message.once('end', end);
    message.once('error', end);
    message.once('close', end);
    response.onClose(end);
    stopListening = onAbort(stopping, end);
  });
}
