import { join } from 'node:path';
import type { LoadFigures } from '../../base/beat-renewal.ts';
import type { ServiceRecords } from './dns-records.ts';

/**
 * What the agent tells the guard: JSON, one update a line, on a unix socket on which the guard listens.
 * After connecting the agent sends `begin`, the whole state in pieces, and `end`; then changes as they come.
 */
export interface GuardUpdate {
  /** What is not `set` until `end` goes away at `end`: names stay while a snapshot arrives. */
  readonly begin?: true;
  readonly end?: true;
  /** By service (`namespace/name`). */
  readonly set?: Readonly<Record<string, ServiceRecords>>;
  readonly remove?: readonly string[];
  /** Networks whose reverse names are ours to deny. */
  readonly reverseCidrs?: readonly string[];
  /** The EndpointSlice version that the node's data plane has reached: goes out with the beats. */
  readonly dataPlaneVersion?: number;
  /** Nodes of the cluster: says how far beats out of turn have to be spread. */
  readonly nodeCount?: number;
  /** The agent wants to be told when all live nodes' data planes have reached this version; 0 when none any more. */
  readonly awaitedVersion?: number;
  /** The agent lives and wants the node's Lease renewed; `id` tells this asking from others. */
  readonly renew?: { readonly id: number; readonly load?: LoadFigures };
}

/** What the guard tells the agent, on the same socket in the same form. */
export interface GuardReport {
  /** The EndpointSlice version that the data planes of all live nodes have reached. */
  readonly leastVersion?: number;
  /** The id of what was asked for and is stored. */
  readonly renewed?: number;
}

/** Services in one update of a snapshot: keeps the guard's loop free for beats between two of them. */
export const servicesPerUpdate = 250;
/** A line longer than this is a fault of the sender: the connection ends. */
export const maxUpdateBytes: number = 16 * 1024 * 1024;

export function guardSocketPath(runDir: string): string {
  return join(runDir, 'guard.sock');
}
