/**
 * The heartbeat datagram, 20 bytes: who is alive, how far its data plane has come, and proof of it.
 *
 *   0..4   node id: first 4 bytes of SHA-256(node name)
 *   4..8   sequence, big-endian: the Unix time in units of 5 ms at the sending, and more than the last one's, so that
 *          a restarted guard goes on above its old values and a replayed datagram is recognised
 *   8..14  resourceVersion of the last EndpointSlice change that the node's data plane has applied (48 bits);
 *          0 while the node has no data plane
 *  14..20  low 48 bits of SipHash-2-4(node key, bytes 0..14)
 *
 * A beat that asks is 32 bytes: after the version, in 14..20, comes the version that the node waits for, in 20..26 where it is to
 * be told (IPv4 address and port; a detector that reads many datagrams at once does not see where each came from), then
 * the tag. It is answered when the least version of the live nodes has come so far, and at each step on the way:
 *
 *   0..4   node id of the guard that asked
 *   4..8   sequence of the newest beat heard from it
 *   8..14  the least version over all live nodes
 *  14..20  low 48 bits of SipHash-2-4(answer key, bytes 0..14)
 *
 * A node holds only its own key, derived from the cluster's, so a stolen node can pretend to be no other. The answer
 * key is derived from the node's, so that no datagram of one direction passes for one of the other. Kinds are told
 * apart by their sizes; `beat-renewal.ts` has two more.
 * Cost: one SipHash, 0.1 microseconds.
 */
import { createHash, createHmac } from 'node:crypto';
import { type SipKey, sipHash48, toSipKey } from './sip-hash.ts';

export const beatBytes = 20;
const askingBeatBytes = 32;
/** At the end of every datagram, over all that comes before. */
export const tagBytes = 6;
export const originBytes = 6;
/** A guard sends one beat to every detector each period. */
export const beatPeriodMs = 500;
const sequenceUnitMs = 5;
/** Beats out of turn keep this distance: sequences must not outrun the time. */
export const minBeatGapMs = 10;

/** Where a guard is to be answered. The port is 0 while it is not known: then it is not answered. */
export interface Origin {
  readonly address: string;
  readonly port: number;
}

export interface Beat {
  readonly sequence: number;
  readonly dataPlaneVersion: number;
  /** What the guard asks for; undefined when nobody waits. */
  readonly asks?: BeatQuestion | undefined;
}

/** The guard wants to be told when the least data-plane version rises, until it has reached this one. */
export interface BeatQuestion {
  readonly awaitedVersion: number;
  readonly origin: Origin;
}

export interface BeatAnswer {
  readonly sequence: number;
  readonly leastVersion: number;
}

export function beatNodeId(nodeName: string): number {
  return createHash('sha256').update(nodeName).digest().readUInt32BE(0);
}

export function deriveBeatKey(clusterKey: Buffer, nodeName: string): Buffer {
  return createHmac('sha256', clusterKey).update(`coracle beat v1 ${nodeName}`).digest();
}

/** @param nodeKey what `deriveBeatKey` gives */
export function deriveAnswerKey(nodeKey: Buffer): Buffer {
  return createHmac('sha256', nodeKey).update('coracle beat answer v1').digest();
}

export function firstBeatSequence(epochMs: number): number {
  return Math.floor(epochMs / sequenceUnitMs) >>> 0;
}

/** Rises with the time; by one when the clock stands still or was set back. */
export function nextBeatSequence(last: number, epochMs: number): number {
  const now = firstBeatSequence(epochMs);
  return isNewerSequence(now, last) ? now : (last + 1) >>> 0;
}

/** Sequences are 32 bits and wrap after 248 days: newer is less than half the circle ahead. */
export function isNewerSequence(sequence: number, last: number): boolean {
  const ahead = (sequence - last) >>> 0;
  return ahead !== 0 && ahead < 2 ** 31;
}

/** How long before `last` a sequence was sent, roughly. */
export function sequenceAgeMs(sequence: number, last: number): number {
  return ((last - sequence) >>> 0) * sequenceUnitMs;
}

export function encodeBeat(nodeId: number, beat: Beat, nodeKey: Buffer): Buffer {
  const { sequence, dataPlaneVersion, asks } = beat;
  const asked = asks === undefined ? [] : [asks.awaitedVersion, packOrigin(asks.origin)];
  return seal(nodeId, sequence, [dataPlaneVersion, ...asked], nodeKey);
}

export function encodeAnswer(nodeId: number, answer: BeatAnswer, answerKey: Buffer): Buffer {
  return seal(nodeId, answer.sequence, [answer.leastVersion], answerKey);
}

/** Whether it has the size of a beat. What it says is unproven: its id only finds the key to verify with. */
export const isBeat = ({ length }: Buffer): boolean => length === beatBytes || length === askingBeatBytes;

/** Of any datagram of a node, and of any answer to one. */
export const nodeIdIn = (datagram: Buffer): number => datagram.readUInt32BE(0);
export const sequenceIn = (datagram: Buffer): number => datagram.readUInt32BE(4);
/** Of a beat. */
export const dataPlaneVersionIn = (beat: Buffer): number => beat.readUIntBE(8, 6);
/** Of a beat. */
export const awaitedVersionIn = (beat: Buffer): number | undefined =>
  beat.length === askingBeatBytes ? beat.readUIntBE(14, 6) : undefined;

/** Of a datagram that is to be answered: before the tag. @returns one number, as `unpackOrigin` takes it */
export const packedOriginIn = (datagram: Buffer): number =>
  datagram.readUIntBE(datagram.length - tagBytes - originBytes, originBytes);

export function unpackOrigin(packed: number): Origin {
  const host = Math.floor(packed / 2 ** 16);
  const address = `${host >>> 24}.${(host >>> 16) & 0xff}.${(host >>> 8) & 0xff}.${host & 0xff}`;
  return { address, port: packed % 2 ** 16 };
}

export function packOrigin({ address, port }: Origin): number {
  const host = address.split('.').reduce((sum, part) => sum * 2 ** 8 + Number(part), 0);
  return host * 2 ** 16 + port;
}

/** All of a beat at once. @returns undefined when the datagram is malformed or was not made with `nodeKey`. */
export function decodeBeat(datagram: Buffer, nodeKey: Buffer): Beat | undefined {
  if (!isBeat(datagram) || !isSealed(datagram, toSipKey(nodeKey))) return undefined;
  const beat = { sequence: sequenceIn(datagram), dataPlaneVersion: dataPlaneVersionIn(datagram) };
  const awaitedVersion = awaitedVersionIn(datagram);
  if (awaitedVersion === undefined) return beat;
  return { ...beat, asks: { awaitedVersion, origin: unpackOrigin(packedOriginIn(datagram)) } };
}

/** @returns undefined when the datagram is malformed, for another node, or was not made with `answerKey`. */
export function decodeAnswer(datagram: Buffer, nodeId: number, answerKey: Buffer): BeatAnswer | undefined {
  if (datagram.length !== beatBytes || nodeIdIn(datagram) !== nodeId) return undefined;
  if (!isSealed(datagram, toSipKey(answerKey))) return undefined;
  return { sequence: sequenceIn(datagram), leastVersion: datagram.readUIntBE(8, 6) };
}

function seal(nodeId: number, sequence: number, versions: readonly number[], key: Buffer): Buffer {
  const datagram = openDatagram(nodeId, sequence, 8 + 6 * versions.length);
  for (const [i, version] of versions.entries()) datagram.writeUIntBE(version, 8 + 6 * i, 6);
  return sealDatagram(datagram, toSipKey(key));
}

/** With room for a tag behind `bodyBytes`. */
export function openDatagram(nodeId: number, sequence: number, bodyBytes: number): Buffer {
  const datagram = Buffer.allocUnsafe(bodyBytes + tagBytes);
  datagram.writeUInt32BE(nodeId, 0);
  datagram.writeUInt32BE(sequence >>> 0, 4);
  return datagram;
}

/** Writes the tag. */
export function sealDatagram(datagram: Buffer, key: SipKey): Buffer {
  const bodyBytes = datagram.length - tagBytes;
  datagram.writeUIntBE(sipHash48(datagram, bodyBytes, key), bodyBytes, tagBytes);
  return datagram;
}

/**
 * Whether it was made with the key that stands in `keys` from `at` on. The tags are compared as numbers: no byte after byte, whose
 * time would tell how many are right.
 */
export function isSealed(datagram: Buffer, keys: SipKey, at = 0): boolean {
  const bodyBytes = datagram.length - tagBytes;
  return sipHash48(datagram, bodyBytes, keys, at) === datagram.readUIntBE(bodyBytes, tagBytes);
}
