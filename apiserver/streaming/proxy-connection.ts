import { type ClientRequest, request as httpRequest, type OutgoingHttpHeaders } from 'node:http';
import { connect as connectTcp } from 'node:net';
import type { Duplex } from 'node:stream';
import { connect as connectTls } from 'node:tls';
import { StatusError } from '../../api/status-error.ts';
import type { AgentClient } from './agent-client.ts';
import type { AgentAddress } from './pod-target.ts';
import type { ProxyTarget } from './proxy-target.ts';

const connectTimeoutMs = 30_000;
const handshakeTimeoutMs = 10_000;
/** Header in which an agent says why it has no connection. */
const reasonHeader = 'x-coracle-reason';

export interface BackendRequest {
  readonly method: string;
  readonly path: string;
  readonly headers: OutgoingHttpHeaders;
}

export function unreachable(cause: Error): StatusError {
  return new StatusError({
    reason: 'ServiceUnavailable',
    code: 503,
    message: `error trying to reach service: ${cause.message}`,
    cause,
  });
}

/**
 * A request to a proxy's backend, not yet ended. The API server may be no part of the pods' network: it reaches them
 * through a tunnel (HTTP CONNECT) of the agent that runs them.
 * @throws StatusError 503 when there is no connection
 */
export async function requestBackend(
  agents: AgentClient,
  target: ProxyTarget,
  request: BackendRequest,
): Promise<ClientRequest> {
  const { host, port } = target;
  if (target.kind === 'agent') return agents.request({ host, port }, { ...request, upgrade: true });
  try {
    const plain =
      target.via === undefined ? await dial(host, port) : await tunnel(agents, target.via, { host, port });
    const socket = target.scheme === 'https' ? await secure(plain) : plain;
    return httpRequest({ ...request, createConnection: () => socket });
  } catch (error) {
    throw unreachable(error instanceof Error ? error : new Error(String(error)));
  }
}

function tunnel(agents: AgentClient, via: AgentAddress, to: AgentAddress): Promise<Duplex> {
  const authority = `${to.host}:${to.port}`;
  const upstream = agents.request(via, {
    ...{ method: 'CONNECT', path: authority, headers: { host: authority }, upgrade: true },
  });
  return new Promise((resolve, reject) => {
    upstream.once('error', reject);
    upstream.once('connect', (answer, socket: Duplex, head: Buffer) => {
      const told = answer.headers[reasonHeader];
      if (answer.statusCode === 200) {
        if (head.length > 0) socket.unshift(head);
        resolve(socket);
        return;
      }
      socket.destroy();
      reject(new Error([told ?? `the node's agent answered ${answer.statusCode}`].flat().join(' ')));
    });
    upstream.end();
  });
}

function dial(host: string, port: number): Promise<Duplex> {
  return new Promise((resolve, reject) => {
    const socket = connectTcp({ host, port, noDelay: true, allowHalfOpen: true });
    socket.setTimeout(connectTimeoutMs, () =>
      socket.destroy(new Error(`dial tcp ${host}:${port}: i/o timeout`)),
    );
    socket.once('error', reject);
    socket.once('connect', () => {
      socket.setTimeout(0);
      resolve(socket);
    });
  });
}

/** A pod's certificate is nobody's that is known here: it is not checked, as in Kubernetes. */
function secure(socket: Duplex): Promise<Duplex> {
  return new Promise((resolve, reject) => {
    const secured = connectTls({ socket, rejectUnauthorized: false });
    secured.setTimeout(handshakeTimeoutMs, () => secured.destroy(new Error('TLS handshake timeout')));
    secured.once('error', reject);
    secured.once('secureConnect', () => {
      secured.setTimeout(0);
      resolve(secured);
    });
  });
}
