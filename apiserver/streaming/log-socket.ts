import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import { type WebSocket, WebSocketServer } from 'ws';

/** Kubernetes' names for a stream in one direction; none asked for means the first. */
const readerProtocols: readonly string[] = ['binary.k8s.io', 'base64.binary.k8s.io'];

/** What a reader sends beside pongs and its close. */
const maxClientMessageBytes = 4_096;

const server = new WebSocketServer({
  noServer: true,
  maxPayload: maxClientMessageBytes,
  handleProtocols: (offered) => readerProtocols.find((protocol) => offered.has(protocol)) ?? false,
});

export interface LogSocket {
  readonly request: IncomingMessage;
  readonly socket: Duplex;
  readonly head: Buffer;
  /** The agent's answer. */
  readonly log: IncomingMessage;
}

/**
 * A log as messages of a WebSocket, as fast as the client takes them. An empty message comes first, so that the client
 * sees the stream begin; the log's end closes the socket.
 */
export function sendLogToSocket({ request, socket, head, log }: LogSocket): void {
  server.handleUpgrade(request, socket, head, (client) => {
    client.on('error', () => client.terminate());
    client.once('close', () => log.destroy());
    client.send(Buffer.alloc(0));
    log.on('data', (chunk: Buffer) => {
      log.pause();
      client.send(messageOf(client, chunk), () => log.resume());
    });
    log.once('end', () => client.close(1000));
    log.once('error', () => client.close(1011));
  });
}

function messageOf(client: WebSocket, chunk: Buffer): Buffer | string {
  return client.protocol === 'base64.binary.k8s.io' ? chunk.toString('base64') : chunk;
}
