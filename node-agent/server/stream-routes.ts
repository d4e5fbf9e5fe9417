/**
 * `exec`, `attach` and `portForward`, over a WebSocket or over SPDY/3.1. What is wrong with a request is said as an HTTP
 * answer, before the upgrade.
 */
import type { EventEmitter } from 'node:events';
import type { IncomingMessage } from 'node:http';
import { createWebSocketStream, type WebSocket, WebSocketServer } from 'ws';
import { messageOf } from '../../base/invariant.ts';
import { currentSandbox } from '../pod/plan-containers.ts';
import { containerNamed } from '../pod/pod-spec.ts';
import type { PodWorker } from '../pod/pod-worker.ts';
import type { ExecSession } from '../runtime/runtime.ts';
import { runningInstance, workerFor } from './container-target.ts';
import { flag, RequestError } from './log-query.ts';
import { type PortTarget, parsePorts, runWebSocketPortForward } from './port-forward.ts';
import type { RemoteStreams, WantedStreams } from './remote-streams.ts';
import type { ServerContext } from './routes.ts';
import { pingFrame } from './spdy/frames.ts';
import { portForwardProtocol, runSpdyPortForward } from './spdy-port-forward.ts';
import { spdyCommandProtocols, spdyStreams } from './spdy-streams.ts';
import { failureStatus, streamProtocols } from './stream-channels.ts';
import { runStreamSession, TerminalSizes } from './stream-session.ts';
import { beginUpgrade, chooseProtocol, refuseUpgrade, type Upgrade } from './upgrade.ts';
import { webSocketStreams } from './websocket-streams.ts';

/** kubectl's messages are 32 KiB. */
const maxMessageBytes = 4 * 1024 * 1024;
/**
 * While a process takes no input nobody reads from its client, whose end then goes unnoticed: what is written to it, here
 * and on the way there, fails. Connections that are quiet are kept open by it, too.
 */
const pingPeriodMs = 10_000;

/** Servers' are even. */
const ownPingId = 2;

/** SPDY inside a WebSocket: what kubectl does by default. */
const tunnelProtocol = `SPDY/3.1+${portForwardProtocol}`;
const commandProtocols: readonly string[] = streamProtocols;
const forwardProtocols: readonly string[] = [
  tunnelProtocol,
  'v4.channel.k8s.io',
  'v4.base64.channel.k8s.io',
  ...['v5.channel.k8s.io', 'channel.k8s.io', 'base64.channel.k8s.io'],
];

const server = new WebSocketServer({
  noServer: true,
  maxPayload: maxMessageBytes,
  handleProtocols: (offered, request) =>
    chooseProtocol(isPortForward(request) ? forwardProtocols : commandProtocols, offered) ?? false,
});

function isPortForward(request: IncomingMessage): boolean {
  return request.url?.startsWith('/portForward/') === true;
}

interface Target {
  readonly worker: PodWorker;
  readonly query: URLSearchParams;
  readonly container: string | undefined;
  readonly context: ServerContext;
}

/** What a request does, over either protocol. */
type Route =
  | { readonly kind: 'command'; readonly wanted: WantedStreams; readonly run: RunCommand }
  | {
      readonly kind: 'forward';
      readonly target: PortTarget;
      readonly ports: readonly number[] | undefined;
    };
type RunCommand = (streams: RemoteStreams) => Promise<void>;

export function acceptUpgrade(upgrade: Upgrade, context: ServerContext): void {
  try {
    const route = routeOf(upgrade.request, context);
    const protocol = upgrade.request.headers.upgrade?.toLowerCase();
    if (protocol === 'websocket') acceptWebSocket(upgrade, route, context);
    else if (protocol === 'spdy/3.1') acceptSpdy(upgrade, route, context);
    else throw new RequestError(400, `unable to upgrade: unknown protocol "${protocol}"`);
  } catch (error) {
    refuseUpgrade(upgrade, error);
  }
}

function acceptWebSocket(upgrade: Upgrade, route: Route, context: ServerContext): void {
  const offered = upgrade.request.headers['sec-websocket-protocol'] ?? '';
  if (route.kind === 'forward' && route.ports === undefined && !offered.includes(tunnelProtocol))
    throw new RequestError(400, 'query parameter "port" is required');
  server.handleUpgrade(upgrade.request, upgrade.socket, upgrade.head, (socket) => {
    socket.on('error', (error) => context.logger.debug({ err: error }, 'stream'));
    setPings(socket, context, () => {
      if (socket.readyState === socket.OPEN) socket.ping();
    });
    serveWebSocket(socket, route, context).catch((error: unknown) => {
      context.logger.warn({ err: error }, 'stream');
      socket.terminate();
    });
  });
}

async function serveWebSocket(socket: WebSocket, route: Route, context: ServerContext): Promise<void> {
  if (route.kind === 'command') return runCommand(route.run, webSocketStreams(socket, route.wanted));
  const { target, ports } = route;
  if (socket.protocol !== tunnelProtocol)
    return runWebSocketPortForward({ socket, target, ports: ports ?? [] });
  const transport = createWebSocketStream(socket);
  // The end of the WebSocket, however it comes, ends the connection's reading.
  transport.on('error', (error) => context.logger.debug({ err: error }, 'tunnel'));
  await runSpdyPortForward({ transport, target, clock: context.clock, logger: context.logger }).catch(
    (error: unknown) => context.logger.debug({ err: error }, 'tunnel'),
  );
}

/** Until the connection closes. */
function setPings(connection: EventEmitter, { clock }: ServerContext, ping: () => void): void {
  let timer = clock.setTimer(pingPeriodMs, next);
  function next(): void {
    ping();
    timer = clock.setTimer(pingPeriodMs, next);
  }
  connection.once('close', () => timer.cancel());
}

function acceptSpdy(upgrade: Upgrade, route: Route, context: ServerContext): void {
  const known = route.kind === 'forward' ? [portForwardProtocol] : spdyCommandProtocols;
  const protocol = beginUpgrade(upgrade, known);
  const { clock, logger } = context;
  const transport = upgrade.socket;
  setPings(transport, context, () => {
    if (transport.writable) transport.write(pingFrame(ownPingId));
  });
  const served =
    route.kind === 'forward'
      ? runSpdyPortForward({ transport, target: route.target, clock, logger })
      : spdyStreams({ transport, protocol, wanted: route.wanted, clock }).then((streams) =>
          runCommand(route.run, streams),
        );
  served.catch((error: unknown) => logger.debug({ err: error }, 'SPDY stream'));
}

/** A command that cannot be begun is told of like one that failed. */
async function runCommand(run: RunCommand, streams: RemoteStreams): Promise<void> {
  try {
    await run(streams);
  } catch (error) {
    await streams.finish(failureStatus(messageOf(error)));
  }
}

/** @throws RequestError */
function routeOf(request: IncomingMessage, context: ServerContext): Route {
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

function execRoute({ worker, query, container, context }: Target): Route {
  const instance = runningInstance(worker, container);
  const command = query.getAll('command');
  if (command.length === 0)
    throw new RequestError(400, 'you must specify at least 1 command for the container');
  const wanted = wantedStreams(query);
  const request = { command, stdin: wanted.stdin, tty: wanted.tty };
  const run = async (streams: RemoteStreams): Promise<void> => {
    const sizes = new TerminalSizes(streams);
    const size = wanted.tty ? await sizes.first(context.clock) : undefined;
    const session = await context.runtime.exec(instance.id, { ...request, size });
    await runStreamSession({ streams, sizes, session, command });
  };
  return { kind: 'command', wanted, run };
}

function attachRoute({ worker, query, container, context }: Target): Route {
  const instance = runningInstance(worker, container);
  const spec = containerNamed(worker.pod, instance.name)?.spec;
  const wanted = wantedStreams(query);
  const request = { stdin: wanted.stdin && spec?.stdin === true, tty: spec?.tty === true };
  const run = async (streams: RemoteStreams): Promise<void> => {
    const session: ExecSession = await context.runtime.attach(instance.id, request);
    await runStreamSession({ streams, sizes: new TerminalSizes(streams), session });
  };
  return { kind: 'command', wanted, run };
}

function portForwardRoute({ worker, query, context }: Target): Route {
  const sandbox = currentSandbox(worker.memory);
  if (sandbox === undefined) throw new RequestError(400, 'the pod is not running');
  const { name, uid } = worker.pod.metadata;
  const target: PortTarget = {
    connect: (port) => context.runtime.connectPort(sandbox.id, port),
    pod: `${name}, uid ${uid}`,
  };
  return { kind: 'forward', target, ports: parsePorts(query) };
}

/** The apiserver passes on `stdin`; older ones say `input`, `output`, `error`. @throws RequestError */
function wantedStreams(query: URLSearchParams): WantedStreams {
  const wants = (name: string, olderName: string): boolean => flag(query, name) || flag(query, olderName);
  const wanted = {
    stdin: wants('stdin', 'input'),
    stdout: wants('stdout', 'output'),
    stderr: wants('stderr', 'error'),
    tty: flag(query, 'tty'),
  };
  if (!wanted.stdin && !wanted.stdout && !wanted.stderr)
    throw new RequestError(400, 'you must specify at least 1 of stdin, stdout, stderr');
  return wanted;
}
