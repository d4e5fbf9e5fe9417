/**
 * Port forwarding over a WebSocket: for the port with index i, channel 2i carries data and 2i+1 errors; the first message
 * on each tells the port, two bytes, little-endian.
 */
import { connect, type Socket } from 'node:net';
import type { RawData, WebSocket } from 'ws';
import { toMessage } from './stream-channels.ts';

const maxPorts = 128;

export interface PortForward {
  readonly socket: WebSocket;
  readonly address: string;
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

export function startPortForward({ socket, address, ports }: PortForward): void {
  const connections = ports.map((port, index) => openPort(socket, address, port, index));
  socket.on('message', (data: RawData) => {
    const message = Buffer.isBuffer(data)
      ? data
      : Buffer.concat(Array.isArray(data) ? data : [Buffer.from(data)]);
    const channel = message[0] ?? 0;
    if (channel % 2 === 0) connections[channel / 2]?.write(message.subarray(1));
  });
  socket.resume();
  socket.on('close', () => {
    for (const connection of connections) connection.destroy();
  });
}

function openPort(socket: WebSocket, host: string, port: number, index: number): Socket {
  const greeting = Buffer.alloc(2);
  greeting.writeUInt16LE(port);
  socket.send(toMessage(2 * index, greeting));
  socket.send(toMessage(2 * index + 1, greeting));
  const connection = connect({ host, port });
  connection.on('data', (data) => {
    connection.pause();
    socket.send(toMessage(2 * index, data), () => connection.resume());
  });
  connection.on('error', (error) => {
    const text = `an error occurred forwarding ${port} -> ${port}: ${error.message}`;
    if (socket.readyState === socket.OPEN) socket.send(toMessage(2 * index + 1, Buffer.from(text)));
  });
  connection.on('close', () => {
    if (socket.readyState === socket.OPEN) socket.close(1000);
  });
  return connection;
}
