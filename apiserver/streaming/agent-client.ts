import type { ClientRequest, OutgoingHttpHeaders } from 'node:http';
import { Agent, request as httpsRequest } from 'node:https';
import type { AgentAddress } from './pod-target.ts';

const connectTimeoutMs = 10_000;
/** Idle connections kept to one agent. */
const idleSockets = 4;

export interface AgentTls {
  readonly cert: Buffer | undefined;
  readonly key: Buffer | undefined;
  /** Without it the agent's certificate is not checked, as in Kubernetes. */
  readonly ca: Buffer | undefined;
}

/** Speaks to the nodes' agents as the API server. */
export class AgentClient {
  #tls: AgentTls;
  readonly #agent: Agent;

  constructor(tls: AgentTls) {
    this.#tls = tls;
    this.#agent = new Agent({ keepAlive: true, maxFreeSockets: idleSockets });
  }

  /** A request, not yet ended. An upgrade gets a connection of its own. */
  request(
    address: AgentAddress,
    options: {
      readonly method: string;
      readonly path: string;
      readonly headers?: OutgoingHttpHeaders;
      readonly upgrade?: boolean;
    },
  ): ClientRequest {
    const { cert, key, ca } = this.#tls;
    const request = httpsRequest({
      ...{ host: address.host, port: address.port, method: options.method, path: options.path },
      ...{ headers: options.headers ?? {}, agent: options.upgrade === true ? false : this.#agent },
      ...(cert === undefined ? {} : { cert }),
      ...(key === undefined ? {} : { key }),
      ...(ca === undefined ? {} : { ca }),
      rejectUnauthorized: ca !== undefined,
    });
    request.once('socket', (socket) => {
      if (!socket.connecting) return;
      socket.setTimeout(connectTimeoutMs, () => socket.destroy(new Error('connect: timed out')));
      socket.once('secureConnect', () => socket.setTimeout(0));
    });
    return request;
  }

  /** For connections that are made from now on. */
  renew(tls: AgentTls): void {
    this.#tls = tls;
  }

  close(): void {
    this.#agent.destroy();
  }
}
