import type { StatusBody } from '../../api/status-error.ts';
import type { ClientConfig } from '../../client/client-config.ts';
import { decodeJson, toStatusError } from '../../client/response.ts';

/**
 * The remote command protocol: each binary message begins with its channel's number.
 * @see https://kubernetes.io/docs/reference/using-api/websocket (v5.channel.k8s.io)
 */
export const channel = { stdin: 0, stdout: 1, stderr: 2, error: 3, resize: 4, close: 255 } as const;

const protocols = ['v5.channel.k8s.io', 'v4.channel.k8s.io'];
/** Output waits for its reader beyond this; the other side then feels it. */
const maxQueuedBytes = 4 * 1024 * 1024;

export interface ChannelSocket {
  /** v5 can close one channel; before it, the end of standard input cannot be told. */
  readonly canClose: boolean;
  send(channelNumber: number, bytes: Buffer): void;
  /** Resolves with the command's Status. @throws when the connection broke before it came */
  readonly ended: Promise<Partial<StatusBody>>;
  readonly queuedBytes: () => number;
}

/** @throws StatusError when the server refuses the upgrade */
export async function openChannels(
  config: ClientConfig,
  path: string,
  onData: (channelNumber: number, bytes: Buffer) => void,
): Promise<ChannelSocket> {
  // Other commands start without it.
  const { WebSocket } = await import('ws');
  const socket = new WebSocket(`${config.server.replace(/^http/, 'ws')}${path}`, protocols, {
    ...(config.ca === undefined ? {} : { ca: config.ca }),
    ...(config.cert === undefined ? {} : { cert: config.cert }),
    ...(config.key === undefined ? {} : { key: config.key }),
    ...(config.tlsServerName === undefined ? {} : { servername: config.tlsServerName }),
    headers: config.token === undefined ? {} : { authorization: `Bearer ${config.token}` },
    rejectUnauthorized: config.insecureSkipTlsVerify !== true,
    perMessageDeflate: false,
    maxPayload: maxQueuedBytes,
  });
  const ended = Promise.withResolvers<Partial<StatusBody>>();
  // Whoever opened it may fail before anybody waits for the end.
  ended.promise.catch(() => undefined);
  let status: Partial<StatusBody> | undefined;
  socket.on('message', (message: Buffer) => {
    const [number] = message;
    const bytes = message.subarray(1);
    if (number === channel.error) status = decodeJson({ method: 'GET', path }, bytes);
    else if (number !== undefined && bytes.length > 0) onData(number, bytes);
  });
  socket.on('close', (code) => {
    if (status !== undefined) ended.resolve(status);
    else ended.reject(new Error(`error reading from error stream: the connection closed with code ${code}`));
  });
  return new Promise((resolve, reject) => {
    socket.on('error', reject);
    socket.on('unexpected-response', (_, response) => {
      const chunks: Buffer[] = [];
      response.on('data', (chunk: Buffer) => chunks.push(chunk));
      response.on('end', () =>
        reject(
          toStatusError(
            { method: 'GET', path },
            { status: response.statusCode ?? 0, body: Buffer.concat(chunks) },
          ),
        ),
      );
    });
    socket.on('open', () =>
      resolve({
        canClose: socket.protocol === protocols[0],
        send: (number, bytes) => socket.send(Buffer.concat([Buffer.from([number]), bytes])),
        ended: ended.promise,
        queuedBytes: () => socket.bufferedAmount,
      }),
    );
  });
}
