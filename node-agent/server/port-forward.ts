/**
 * Port forwarding over a WebSocket: for the port with index i, channel 2i carries data and 2i+1 errors; the first message
 * on each tells the port, two bytes, little-endian.
 */
import type { RawData, WebSocket } from 'ws';
import type { PortConnection } from '../runtime/runtime.ts';
import { toMessage } from './stream-channels.ts';

const maxPorts = 128;

export interface PortForward {
  readonly socket: WebSocket;
  readonly connect: (port: number) => PortConnection;
  readonly ports: readonly number[];
}

/** @returns undefined when a port is missing or none. */
export function parsePorts(query: URLSearchParams): readonly number[] | undefined {
  const ports = query
    .getAll('port')
    .flatMap((value) => value.split(','))
    .map(Number);
  const isValid = ports.every((port) => Number.isInteger(port) && port > 0 && port <= 65_535);
  return isValid && ports.length > 0 && ports.length <= maxPorts ? ports : undefined;
}

export function startPortForward({ socket, connect, ports }: PortForward): void {
  const connections = ports.map((port, index) => openPort(socket, connect, port, index));
  socket.on('message', (data: RawData) => {
    const message = Buffer.isBuffer(data)
      ? data
      : Buffer.concat(Array.isArray(data) ? data : [Buffer.from(data)]);
    const channel = message[0] ?? 0;
    const input = channel % 2 === 0 ? connections[channel / 2]?.input : undefined;
    if (input === undefined || input.write(message.subarray(1))) return;
    // A pod that reads slowly slows the client down, never this server.
    socket.pause();
    input.once('drain', () => socket.resume());
  });
  socket.resume();
  socket.on('close', () => {
    for (const connection of connections) connection.close();
  });
}

function openPort(
  socket: WebSocket,
  connect: PortForward['connect'],
  port: number,
  index: number,
): PortConnection {
  const greeting = Buffer.alloc(2);
  greeting.writeUInt16LE(port);
  socket.send(toMessage(2 * index, greeting));
  socket.send(toMessage(2 * index + 1, greeting));
  const connection = connect(port);
  connection.output.on('data', (data: Buffer) => {
    connection.output.pause();
    socket.send(toMessage(2 * index, data), () => connection.output.resume());
  });
  void connection.end.then((reason) => {
    if (socket.readyState !== socket.OPEN) return;
    const text = `an error occurred forwarding ${port} -> ${port}: ${reason}`;
    if (reason !== undefined) socket.send(toMessage(2 * index + 1, Buffer.from(text)));
    socket.close(1000);
  });
  return connection;
}
