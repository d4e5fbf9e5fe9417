import type { ClientRequest, IncomingMessage, OutgoingHttpHeaders } from 'node:http';
import type { Duplex } from 'node:stream';
import type { Pod } from '../../api/generated/core-v1.ts';
import { badRequest, notFound, StatusError } from '../../api/status-error.ts';
import type { Logger } from '../../base/logger.ts';
import type { Random } from '../../base/random.ts';
import { noteUpgrade } from '../audit/audit-notes.ts';
import { noSuchResource, statusBody } from '../http/answer.ts';
import { parseRequestInfo, type RequestInfo } from '../http/request-info.ts';
import type { IncomingRequest } from '../http/server.ts';
import type { KindStrategy, UserInfo } from '../registry/strategy.ts';
import type { ObjectStore } from '../store/object-store.ts';
import { toStatusError } from '../store/storage-failure.ts';
import type { ReadCache } from '../watch-cache/read-cache.ts';
import { admitConnection } from './admit-connection.ts';
import type { AgentClient } from './agent-client.ts';
import { takeBearer } from './bearer-protocol.ts';
import { sendLogToSocket } from './log-socket.ts';
import { openLog } from './pod-log.ts';
import { agentOf, containerOf, requireRunningHost } from './pod-target.ts';
import { planProxy } from './proxy.ts';
import { requestBackend } from './proxy-connection.ts';

export interface UpgradeOptions {
  readonly agents: AgentClient;
  readonly store: ObjectStore;
  readonly cache: ReadCache;
  readonly pods: KindStrategy;
  readonly logger: Logger;
  readonly random: Random;
  /** Who asks, when they may. @throws StatusError 401, 403 */
  admit(incoming: Omit<IncomingRequest, 'body'>, info: RequestInfo): Promise<UserInfo>;
}

/** An upgrade on its way to whoever answers it. */
type Opened = () => Promise<ClientRequest>;

/** What an upgrade comes to: a connection that is passed on, or a log that is sent as messages. */
type Plan = { readonly open: Opened } | { readonly log: IncomingMessage };

interface Admitted {
  readonly info: RequestInfo;
  readonly query: URLSearchParams;
  readonly user: UserInfo;
}

/** Headers of the client that the agent sees: those of the upgrade itself, never its credentials. */
const forwardedHeaders = [
  'connection',
  'upgrade',
  'sec-websocket-key',
  'sec-websocket-version',
  'sec-websocket-protocol',
  'sec-websocket-extensions',
  'x-stream-protocol-version',
];

/**
 * exec, attach and port-forward: once the client is known and the pod found, the agent gets the same upgrade, and
 * bytes go both ways untouched. The agent speaks the protocol inside. A log over a WebSocket is asked of the agent like every
 * other log, and becomes messages here.
 */
export class Upgrades {
  readonly #options: UpgradeOptions;
  readonly #open = new Set<Duplex>();

  constructor(options: UpgradeOptions) {
    this.#options = options;
  }

  /** Never rejects: whatever fails is told to the client in an HTTP answer. */
  async serve(incoming: IncomingMessage, socket: Duplex, head: Buffer): Promise<void> {
    socket.on('error', () => socket.destroy());
    takeBearer(incoming.headers);
    try {
      const plan = await this.#planOf(incoming);
      if ('log' in plan) sendLogToSocket({ request: incoming, socket, head, log: plan.log });
      else this.#connect(await plan.open(), socket, head);
    } catch (error) {
      refuse(socket, toStatusError(error));
    }
  }

  close(): void {
    for (const socket of this.#open) socket.destroy();
  }

  async #planOf(incoming: IncomingMessage): Promise<Plan> {
    const { method = 'GET', url = '/', headers, rawHeaders, socket } = incoming;
    const at = url.indexOf('?');
    const path = at < 0 ? url : url.slice(0, at);
    const query = new URLSearchParams(at < 0 ? '' : url.slice(at + 1));
    const info = parseRequestInfo(method, path, false);
    const asked = { method, url, headers, rawHeaders, connection: socket, socket };
    const user = await this.#options.admit(asked, info);
    try {
      const plan = await this.#planFor(incoming, { info, query, user });
      noteUpgrade(user);
      return plan;
    } catch (error) {
      noteUpgrade(user, toStatusError(error));
      throw error;
    }
  }

  async #planFor(incoming: IncomingMessage, { info, query, user }: Admitted): Promise<Plan> {
    if (info.group !== '' || info.name === '') throw noSuchResource();
    if (info.subresource === 'proxy') return { open: await this.#proxyOf(incoming, info) };
    if (info.resource !== 'pods') throw noSuchResource();
    const { store, pods } = this.#options;
    const found = await store.read(pods, info.namespace, info.name);
    if (found === undefined) throw notFound(pods.kind, info.name);
    const pod = JSON.parse(found.json.toString()) as Pod;
    if (info.subresource === 'log') return { log: await this.#logOf({ pod, info, query }, incoming.socket) };
    await admitConnection(store, { strategy: pods, info, query, user });
    return { open: this.#agentOf(incoming, destinationOf(pod, info, query)) };
  }

  async #logOf(request: Parameters<typeof openLog>[1], socket: Duplex): Promise<IncomingMessage> {
    const log = await openLog(this.#options, request, (end) => socket.once('close', end));
    if (log === undefined) throw badRequest(`pod ${request.pod.metadata.name} does not have a host assigned`);
    return log;
  }

  #agentOf({ method = 'GET', headers: asked }: IncomingMessage, { nodeName, path }: Destination): Opened {
    const { agents, cache } = this.#options;
    const headers: OutgoingHttpHeaders = {};
    for (const name of forwardedHeaders) {
      const value = asked[name];
      if (value !== undefined) headers[name] = value;
    }
    const address = agentOf(cache, nodeName);
    return async () => agents.request(address, { method, path, headers, upgrade: true });
  }

  async #proxyOf(incoming: IncomingMessage, info: RequestInfo): Promise<Opened> {
    const { method = 'GET', url = '/', headers, socket } = incoming;
    const order = { info, headers, url, clientAddress: socket.remoteAddress };
    const call = await planProxy(this.#options, order);
    const upgrade = { connection: 'Upgrade', upgrade: headers.upgrade ?? '' };
    return () =>
      requestBackend(this.#options.agents, call.target, {
        ...{ method, path: call.path, headers: { ...call.headers, ...upgrade } },
      });
  }

  #connect(upstream: ClientRequest, client: Duplex, head: Buffer): void {
    client.once('close', () => upstream.destroy());
    upstream.once('upgrade', (answer, agent: Duplex, agentHead: Buffer) => {
      client.write(headOf(answer));
      if (agentHead.length > 0) client.write(agentHead);
      if (head.length > 0) agent.write(head);
      this.#join(client, agent);
    });
    upstream.once('response', (answer) => passRefusal(answer, client));
    upstream.once('error', (error) => {
      this.#options.logger.warn({ err: error }, 'an upgrade was not answered');
      refuse(client, toStatusError(new Error(`error dialing backend: ${error.message}`)));
    });
    // Who has gone meanwhile is not heard to close again, and their command would run for nobody.
    if (client.destroyed) upstream.destroy();
    else upstream.end();
  }

  #join(client: Duplex, agent: Duplex): void {
    for (const [from, to] of [
      [client, agent],
      [agent, client],
    ] as const) {
      this.#open.add(from);
      from.pipe(to);
      from.once('error', () => to.destroy());
      from.once('close', () => this.#open.delete(from));
    }
    agent.once('close', () => client.end());
    // A backend that does not end by itself has nobody to speak to any more.
    client.once('close', () => agent.end(() => agent.destroy()));
  }
}

interface Destination {
  readonly nodeName: string;
  readonly path: string;
}

function destinationOf(pod: Pod, info: RequestInfo, query: URLSearchParams): Destination {
  const { namespace, name, subresource } = info;
  const place = [namespace, name].map(encodeURIComponent).join('/');
  const forwarded = new URLSearchParams(query);
  forwarded.delete('container');
  switch (subresource) {
    case 'exec':
    case 'attach': {
      const nodeName = requireRunningHost(pod, subresource === 'exec' ? 'exec into' : 'attach to');
      const container = containerOf(pod, query.get('container') ?? '');
      return { nodeName, path: `/${subresource}/${place}/${encodeURIComponent(container)}?${forwarded}` };
    }
    case 'portforward': {
      const nodeName = requireRunningHost(pod, 'forward ports to');
      return { nodeName, path: `/portForward/${place}?${forwarded}` };
    }
    default:
      throw noSuchResource();
  }
}

/** @param passes whether a header goes on, by its name in small letters */
function headOf(
  answer: IncomingMessage,
  passes: (name: string) => boolean = () => true,
  more: readonly string[] = [],
): string {
  const lines = [`HTTP/1.1 ${answer.statusCode} ${answer.statusMessage}`, ...more];
  for (let at = 0; at + 1 < answer.rawHeaders.length; at += 2)
    if (passes((answer.rawHeaders[at] ?? '').toLowerCase()))
      lines.push(`${answer.rawHeaders[at]}: ${answer.rawHeaders[at + 1]}`);
  return `${lines.join('\r\n')}\r\n\r\n`;
}

/** What says where a body ends; ours ends with the connection. */
const framing: ReadonlySet<string> = new Set(['connection', 'keep-alive', 'transfer-encoding', 'trailer']);

/** The backend has answered in plain HTTP: the client gets that answer. */
function passRefusal(answer: IncomingMessage, client: Duplex): void {
  client.write(headOf(answer, (name) => !framing.has(name), ['Connection: close']));
  answer.pipe(client);
}

function refuse(socket: Duplex, error: StatusError): void {
  if (socket.destroyed) return;
  const body = `${JSON.stringify(statusBody(error))}\n`;
  const status = error instanceof StatusError ? error.code : 500;
  socket.end(
    `HTTP/1.1 ${status} ${error.reason}\r\ncontent-type: application/json\r\ncontent-length: ${Buffer.byteLength(body)}\r\nconnection: close\r\n\r\n${body}`,
  );
}
