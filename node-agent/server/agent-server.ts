/** The agent's HTTPS server: the kubelet's paths, for whom `NodeAccess` lets in. */

import { once } from 'node:events';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer, type Server } from 'node:https';
import { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import type { SecureContextOptions } from 'node:tls';
import { followFiles, readTexts } from '../../base/followed-files.ts';
import { messageOf } from '../../base/invariant.ts';
import { AddressLimit } from './address-limit.ts';
import { RequestError } from './log-query.ts';
import type { NodeAccess } from './node-access.ts';
import { answerRequest, type ServerContext } from './routes.ts';
import { acceptUpgrade } from './stream-routes.ts';
import { acceptTunnel } from './tunnel.ts';
import { refuseUpgrade, type Upgrade } from './upgrade.ts';

/** What bounds who asks, before and after it is known who they are. */
export interface AgentServerLimits {
  /** A handshake, and the head of a request, each. */
  readonly headMs: number;
  /** A request with its body, which nothing that is asked here has. Not its answer. */
  readonly requestMs: number;
  /** Open connections; one more is closed. */
  readonly connections: number;
  /** From one address, so that no pod takes them all. */
  readonly connectionsPerAddress: number;
}

const agentServerLimits: AgentServerLimits = {
  ...{ headMs: 10_000, requestMs: 30_000, connections: 4_096, connectionsPerAddress: 1_024 },
};
const maxHeadBytes = 16 * 1024;

export interface AgentServerFlags {
  readonly port: number;
  readonly tlsCertFile: string;
  readonly tlsPrivateKeyFile: string;
  readonly clientCaFile: string;
}

export interface AgentServerContext extends ServerContext {
  readonly access: NodeAccess;
}

/** Listens on all addresses until `signal` aborts; streams in progress are cut then. */
export async function runAgentServer(
  flags: AgentServerFlags,
  context: AgentServerContext,
  signal: AbortSignal,
  limits: AgentServerLimits = agentServerLimits,
): Promise<void> {
  const paths = [flags.tlsCertFile, flags.tlsPrivateKeyFile, flags.clientCaFile];
  const known = await readTexts(paths);
  const server = createServer(
    {
      ...{ ...toContext(known), requestCert: true, rejectUnauthorized: false },
      ...{ handshakeTimeout: limits.headMs, headersTimeout: limits.headMs, requestTimeout: limits.requestMs },
      ...{ connectionsCheckingInterval: limits.headMs / 10, maxHeaderSize: maxHeadBytes },
    },
    (request, response) => {
      serve(request, response, context).catch((error: unknown) => refuse(response, error, context));
    },
  );
  server.maxConnections = limits.connections;
  const addresses = new AddressLimit(limits.connectionsPerAddress);
  server.on('connection', (socket) => {
    if (socket instanceof Socket) addresses.enter(socket);
  });
  server.on('upgrade', (...parts) => void admit(toUpgrade(parts), context, acceptUpgrade));
  server.on('connect', (...parts) => void admit(toUpgrade(parts), context, acceptTunnel));
  await listen(server, flags.port);
  context.logger.info({ port: flags.port }, 'serving');
  const { clock, logger } = context;
  const take = (pems: readonly string[]): void => server.setSecureContext(toContext(pems));
  await followFiles({ what: 'serving certificate', paths, known, take, clock, logger }, signal);
  server.closeAllConnections();
  server.close();
}

function toContext([cert = '', key = '', ca = '']: readonly string[]): SecureContextOptions {
  return { cert, key, ca, minVersion: 'TLSv1.2' };
}

async function listen(server: Server, port: number): Promise<void> {
  server.listen({ port, host: '::' });
  await once(server, 'listening');
}

/** Never rejects: who may not is told so. */
async function admit(
  upgrade: Upgrade,
  context: AgentServerContext,
  accept: (upgrade: Upgrade, context: ServerContext) => void,
): Promise<void> {
  // A peer that goes away while its stream is set up.
  upgrade.socket.on('error', () => upgrade.socket.destroy());
  try {
    await context.access.check(upgrade.request);
  } catch (error) {
    return refuseUpgrade(upgrade, error);
  }
  accept(upgrade, context);
}

function toUpgrade([request, socket, head]: readonly [IncomingMessage, Duplex, Buffer]): Upgrade {
  return { request, socket, head };
}

async function serve(
  request: IncomingMessage,
  response: ServerResponse,
  context: AgentServerContext,
): Promise<void> {
  await context.access.check(request);
  await answerRequest(request, response, context);
}

function refuse(response: ServerResponse, error: unknown, { logger }: ServerContext): void {
  const status = error instanceof RequestError ? error.status : 500;
  if (status === 500) logger.warn({ err: error }, 'answer a request');
  if (response.headersSent) return void response.destroy();
  response.writeHead(status, { 'content-type': 'text/plain; charset=utf-8' });
  response.end(messageOf(error));
}
