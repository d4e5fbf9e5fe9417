/** What a machine notes of the cluster that it has joined. A clone runs a cluster, or has joined one, under one name. */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { replaceSecretFile } from '../../client/certificate-file.ts';
import type { Layout } from '../layout.ts';
import type { NodeConfig } from '../node-config.ts';

export interface JoinedHost {
  /** `https://host:port` */
  readonly server: string;
  readonly nodeName: string;
  readonly nodeIp: string;
  readonly config: NodeConfig;
}

const fileOf = (layout: Layout): string => join(layout.state, 'joined.json');

export function readJoined(layout: Layout): JoinedHost | undefined {
  return existsSync(fileOf(layout))
    ? (JSON.parse(readFileSync(fileOf(layout), 'utf8')) as JoinedHost)
    : undefined;
}

export async function writeJoined(layout: Layout, joined: JoinedHost): Promise<void> {
  await replaceSecretFile(fileOf(layout), `${JSON.stringify(joined, undefined, 2)}\n`);
}
