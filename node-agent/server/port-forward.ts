/**
 * Port forwarding over a WebSocket: for the port with index i, channel 2i carries data and 2i+1 errors; the first message
 * on each tells the port, two bytes, little-endian. A channel has no end of its own: the socket closes when every port
 * has ended.
 */
import type { WebSocket } from 'ws';
import type { PortConnection } from '../runtime/runtime.ts';
import { PushedInput, writeTo } from './remote-streams.ts';
import { codecOf } from './stream-channels.ts';
import { channelOutput, toBuffer } from './websocket-streams.ts';

const maxPorts = 128;

export interface PortTarget {
  connect(port: number): PortConnection;
  /** `NAME, uid UID`, for messages. */
  readonly pod: string;
}

export interface PortForward {
  readonly socket: WebSocket;
  readonly target: PortTarget;
  readonly ports: readonly number[];
}

/** `ports` is the API's name of it, `port` the kubelet's. @returns undefined when a port is missing or none. */
export function parsePorts(query: URLSearchParams): readonly number[] | undefined {
  const ports = ['port', 'ports']
    .flatMap((name) => query.getAll(name))
    .flatMap((value) => value.split(','))
    .map(toPort);
  if (ports.length === 0 || ports.length > maxPorts) return undefined;
  return ports.every((port) => port !== undefined) ? ports : undefined;
}

export function toPort(text: string): number | undefined {
  const port = /^\d{1,5}$/.test(text) ? Number(text) : 0;
  return port > 0 && port <= 65_535 ? port : undefined;
}

export function forwardingError(port: number, pod: string, reason: string): string {
  return `error forwarding port ${port} to pod ${pod}: ${reason}`;
}

export async function runWebSocketPortForward({ socket, target, ports }: PortForward): Promise<void> {
  const codec = codecOf(socket.protocol);
  const inputs = ports.map(() => new PushedInput());
  socket.on('message', (raw) => {
    const { channel, data } = codec.decode(toBuffer(raw));
    const input = channel % 2 === 0 ? inputs[channel / 2] : undefined;
    // A pod that reads slowly slows the client down, never this server.
    if (input !== undefined && !input.push(data, () => socket.resume())) socket.pause();
  });
  const ended = inputs.map((input, index) => forwardOne({ socket, target, ports }, index, input));
  socket.resume();
  await Promise.all(ended);
  socket.resume();
  if (socket.readyState === socket.OPEN) socket.close(1000);
}

async function forwardOne(
  { socket, target, ports }: PortForward,
  index: number,
  input: PushedInput,
): Promise<void> {
  const codec = codecOf(socket.protocol);
  const port = ports[index] ?? 0;
  const data = channelOutput(socket, codec, 2 * index);
  const errors = channelOutput(socket, codec, 2 * index + 1);
  const greeting = Buffer.alloc(2);
  greeting.writeUInt16LE(port);
  await Promise.all([writeTo(data, greeting), writeTo(errors, greeting)]);
  const connection = target.connect(port);
  socket.once('close', () => connection.close());
  if (socket.readyState !== socket.OPEN) connection.close();
  input.stream.pipe(connection.input);
  connection.output.pipe(data);
  connection.output.once('end', () => connection.close());
  const reason = await connection.end;
  // Nobody takes it any more; what comes must not hold up the other ports.
  input.stream.destroy();
  if (reason !== undefined) await writeTo(errors, Buffer.from(forwardingError(port, target.pod, reason)));
}
