import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import { type WebSocket, WebSocketServer } from 'ws';
import { messageOf } from '../../base/invariant.ts';
import { currentSandbox } from '../pod/plan-containers.ts';
import { containerNamed } from '../pod/pod-spec.ts';
import type { PodWorker } from '../pod/pod-worker.ts';
import type { PortConnection } from '../runtime/runtime.ts';
import { runningInstance, workerFor } from './container-target.ts';
import { flag, RequestError } from './log-query.ts';
import { parsePorts, startPortForward } from './port-forward.ts';
import type { ServerContext } from './routes.ts';
import { chooseProtocol, failureStatus, type StreamProtocol, streamProtocols } from './stream-channels.ts';
import { finish, runStreamSession } from './stream-session.ts';

const maxMessageBytes = 4 * 1024 * 1024;

export interface Upgrade {
  readonly request: IncomingMessage;
  readonly socket: Duplex;
  readonly head: Buffer;
}

const server = new WebSocketServer({
  noServer: true,
  maxPayload: maxMessageBytes,
  handleProtocols: (offered) => chooseProtocol(offered) ?? false,
});

interface Target {
  readonly worker: PodWorker;
  readonly query: URLSearchParams;
  readonly container: string | undefined;
  readonly context: ServerContext;
}

/** `exec`, `attach` and `portForward`. What is wrong with the request is said as an HTTP answer, before the upgrade. */
export function acceptUpgrade(upgrade: Upgrade, context: ServerContext): void {
  try {
    const begin = routeOf(upgrade.request, context);
    server.handleUpgrade(upgrade.request, upgrade.socket, upgrade.head, (socket) => {
      // What the client sends before its process runs must not be lost.
      socket.pause();
      socket.on('error', (error) => context.logger.debug({ err: error }, 'stream'));
      begin(socket, protocolOf(socket)).catch((error: unknown) => {
        finish({ socket, protocol: protocolOf(socket) }, failureStatus(messageOf(error)));
      });
    });
  } catch (error) {
    const status = error instanceof RequestError ? error.status : 500;
    const text = messageOf(error);
    const head = `HTTP/1.1 ${status} ${status === 404 ? 'Not Found' : 'Bad Request'}`;
    upgrade.socket.end(
      `${head}\r\nContent-Type: text/plain\r\nContent-Length: ${Buffer.byteLength(text)}\r\nConnection: close\r\n\r\n${text}`,
    );
  }
}

function protocolOf(socket: WebSocket): StreamProtocol {
  return streamProtocols.find((protocol) => protocol === socket.protocol) ?? 'channel.k8s.io';
}

type Begin = (socket: WebSocket, protocol: StreamProtocol) => Promise<void>;

/** @throws RequestError */
function routeOf(request: IncomingMessage, context: ServerContext): Begin {
  const url = new URL(request.url ?? '/', 'https://agent');
  const [kind, namespace = '', pod = '', container] = url.pathname
    .split('/')
    .filter((part) => part !== '')
    .map(decodeURIComponent);
  const target = (): Target => ({
    worker: workerFor(context.workers, { namespace, pod }),
    query: url.searchParams,
    container,
    context,
  });
  switch (kind) {
    case 'exec':
      return execRoute(target());
    case 'attach':
      return attachRoute(target());
    case 'portForward':
      return portForwardRoute(target());
    default:
      throw new RequestError(404, '404 page not found');
  }
}

function execRoute({ worker, query, container, context }: Target): Begin {
  const instance = runningInstance(worker, container);
  const command = query.getAll('command');
  if (command.length === 0)
    throw new RequestError(400, 'you must specify at least 1 command for the container');
  const request = { command, stdin: wants(query, 'stdin', 'input'), tty: flag(query, 'tty') };
  return async (socket, protocol) => {
    const session = await context.runtime.exec(instance.id, request);
    await runStreamSession({ socket, protocol, session, command, wants: outputs(query) });
  };
}

function attachRoute({ worker, query, container, context }: Target): Begin {
  const instance = runningInstance(worker, container);
  const spec = containerNamed(worker.pod, instance.name)?.spec;
  const request = { stdin: wants(query, 'stdin', 'input') && spec?.stdin === true, tty: spec?.tty === true };
  return async (socket, protocol) => {
    const session = await context.runtime.attach(instance.id, request);
    await runStreamSession({ socket, protocol, session, command: [], wants: outputs(query) });
  };
}

function portForwardRoute({ worker, query, context }: Target): Begin {
  const ports = parsePorts(query);
  if (ports === undefined) throw new RequestError(400, 'query parameter "port" is required');
  const sandbox = currentSandbox(worker.memory);
  if (sandbox === undefined) throw new RequestError(400, 'the pod is not running');
  const connect = (port: number): PortConnection => context.runtime.connectPort(sandbox.id, port);
  return async (socket) => startPortForward({ socket, connect, ports });
}

/** The apiserver passes on `stdin`; older ones say `input`, `output`, `error`. */
function wants(query: URLSearchParams, name: string, olderName: string): boolean {
  return flag(query, name) || flag(query, olderName);
}

function outputs(query: URLSearchParams): { readonly stdout: boolean; readonly stderr: boolean } {
  return { stdout: wants(query, 'stdout', 'output'), stderr: wants(query, 'stderr', 'error') };
}
