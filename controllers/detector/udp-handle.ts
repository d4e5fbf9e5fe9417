/**
 * What lies under a datagram socket. Node's sockets read by themselves, a datagram and an event each, and nothing of the
 * public interface stops that; libuv's handle under them can, and tells the descriptor, from which `readSync` reads. Node
 * does not promise that the handle is where it is looked for here: where it is not, beats come as events, at a higher cost.
 */
import type { Socket } from 'node:dgram';

export interface UdpHandle {
  readonly fd: number;
  /** Lets the event loop wait for datagrams and read them. */
  recvStart(): unknown;
  recvStop(): unknown;
}

/** @param socket one that is bound */
export function udpHandleOf(socket: Socket): UdpHandle | undefined {
  for (const symbol of Object.getOwnPropertySymbols(socket)) {
    const state: unknown = Reflect.get(socket, symbol);
    if (typeof state !== 'object' || state === null || !('handle' in state)) continue;
    if (isUdpHandle(state.handle)) return state.handle;
  }
  return undefined;
}

function isUdpHandle(value: unknown): value is UdpHandle {
  if (typeof value !== 'object' || value === null) return false;
  if (!('fd' in value && 'recvStart' in value && 'recvStop' in value)) return false;
  const { fd, recvStart, recvStop } = value;
  return (
    Number.isInteger(fd) &&
    Number(fd) >= 0 &&
    typeof recvStart === 'function' &&
    typeof recvStop === 'function'
  );
}
