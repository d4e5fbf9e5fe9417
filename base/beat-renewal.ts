/**
 * Renewals of nodes' Leases by datagram. A guard asks for one in its agent's name; the detector that leads gathers many,
 * has them stored by one request and confirms those that were. What is not confirmed in time the agent renews itself,
 * so a lost datagram loses nothing.
 *
 * A renewal is 36 bytes:
 *
 *   0..4   node id, and
 *   4..8   sequence, of the same count as the beats': replays and what was overtaken are dropped alike
 *   8..12  the node's load: CPU in thousandths of a core; 0xffffffff when no load is told
 *  12..18  memory in bytes
 *  18..24  pressure on CPU, memory and io, 16 bits each, in ten-thousandths
 *  24..30  where the guard is to be answered: IPv4 address and port
 *  30..36  low 48 bits of SipHash-2-4(node key, bytes 0..30)
 *
 * A confirmation is 14 bytes: node id, sequence of the renewal that was stored, low 48 bits of SipHash-2-4(answer key,
 * bytes 0..8). It says nothing of any other renewal, so a replayed one confirms none that is still waited for.
 */
import {
  isSealed,
  nodeIdIn,
  type Origin,
  openDatagram,
  originBytes,
  packOrigin,
  sealDatagram,
  sequenceIn,
  tagBytes,
} from './beat.ts';
import { toSipKey } from './sip-hash.ts';

/** An agent that is not told by then that its Lease was renewed renews it itself. */
export const confirmedWithinMs = 3_000;
/** A guard that is not told by then asks once more: a datagram may have been lost. */
export const askAgainAfterMs = 1_700;

const renewalBytes = 36;
const originAt = renewalBytes - tagBytes - originBytes;
const confirmationBytes = 14;
const noLoad = 0xffff_ffff;
const maxMemoryBytes = 2 ** 48 - 1;
const pressureScale = 10_000;
const maxPressure = 0xffff;

/** What a node really uses. */
export interface LoadFigures {
  readonly cpuMillis: number;
  readonly memoryBytes: number;
  /** Shares of the last ten seconds in which something waited, 0 to 1. */
  readonly pressure: { readonly cpu: number; readonly memory: number; readonly io: number };
}

/** Figures too large for their place are cut. */
export function encodeRenewal(
  nodeId: number,
  renewal: { readonly sequence: number; readonly load: LoadFigures | undefined; readonly origin: Origin },
  nodeKey: Buffer,
): Buffer {
  const { sequence, load, origin } = renewal;
  const datagram = openDatagram(nodeId, sequence, renewalBytes - tagBytes).fill(0, 8);
  datagram.writeUInt32BE(load === undefined ? noLoad : whole(load.cpuMillis, noLoad - 1), 8);
  if (load !== undefined) {
    datagram.writeUIntBE(whole(load.memoryBytes, maxMemoryBytes), 12, 6);
    const { cpu, memory, io } = load.pressure;
    for (const [i, share] of [cpu, memory, io].entries())
      datagram.writeUInt16BE(whole(share * pressureScale, maxPressure), 18 + 2 * i);
  }
  datagram.writeUIntBE(packOrigin(origin), originAt, originBytes);
  return sealDatagram(datagram, toSipKey(nodeKey));
}

/** Whether it has the size of a renewal. What it says is unproven. */
export const isRenewal = ({ length }: Buffer): boolean => length === renewalBytes;

/** Of a renewal. */
export function loadIn(renewal: Buffer): LoadFigures | undefined {
  const cpuMillis = renewal.readUInt32BE(8);
  if (cpuMillis === noLoad) return undefined;
  const share = (at: number): number => renewal.readUInt16BE(at) / pressureScale;
  const pressure = { cpu: share(18), memory: share(20), io: share(22) };
  return { cpuMillis, memoryBytes: renewal.readUIntBE(12, 6), pressure };
}

export function encodeConfirmation(nodeId: number, sequence: number, answerKey: Buffer): Buffer {
  const datagram = openDatagram(nodeId, sequence, confirmationBytes - tagBytes);
  return sealDatagram(datagram, toSipKey(answerKey));
}

/** @returns the sequence; undefined when the datagram is malformed, for another node, or was not made with `answerKey`. */
export function decodeConfirmation(datagram: Buffer, nodeId: number, answerKey: Buffer): number | undefined {
  if (datagram.length !== confirmationBytes || nodeIdIn(datagram) !== nodeId) return undefined;
  return isSealed(datagram, toSipKey(answerKey)) ? sequenceIn(datagram) : undefined;
}

const whole = (value: number, max: number): number => Math.min(max, Math.max(0, Math.round(value)));
