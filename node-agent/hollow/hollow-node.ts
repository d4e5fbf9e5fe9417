import type { Lease } from '../../api/generated/coordination-v1.ts';
import { beatNodeId, deriveBeatKey } from '../../base/beat.ts';
import type { HollowAgent } from './hollow-agent.ts';

/** `dead` is power loss, `cut` a node whose network is gone: its pods go on, but nobody hears of them. */
export type Power = 'on' | 'dead' | 'cut';

/** What the process knows of one simulated node. */
export interface HollowNode {
  readonly name: string;
  readonly address: string;
  readonly beatId: number;
  readonly beatKey: Buffer;
  beatSequence: number;
  power: Power;
  /** From its boot to its death. */
  agent: HollowAgent | undefined;
  /** Wall time of its last start after a death; pods that started earlier have to start anew. */
  bootedAtMs: number;
  /** The Lease as last written. */
  lease: Lease | undefined;
  isLeaseDue: boolean;
  /** Monotonic time at which its agent wrote the Lease by itself; undefined when that went wrong, or is long ago. */
  leaseWrittenAtMs: number | undefined;
  /** Monotonic time of the last write of the Node's status. */
  statusWrittenAtMs: number;
  /** The status must be written even when the API still shows it so. */
  isStatusDue: boolean;
}

/** @param index from 1: hollow-1, hollow-2, ... */
export function createHollowNode(index: number, clusterKey: Buffer): HollowNode {
  const name = `hollow-${index}`;
  return {
    name,
    address: addressOf(index),
    beatId: beatNodeId(name),
    beatKey: deriveBeatKey(clusterKey, name),
    beatSequence: 0,
    power: 'on',
    agent: undefined,
    bootedAtMs: 0,
    lease: undefined,
    isLeaseDue: true,
    leaseWrittenAtMs: undefined,
    statusWrittenAtMs: 0,
    isStatusDue: false,
  };
}

/** From the range for benchmarks, which is routed nowhere. @see RFC 2544, 198.18.0.0/15 */
export function addressOf(index: number): string {
  return `198.${18 + (index >> 16)}.${(index >> 8) & 255}.${index & 255}`;
}
