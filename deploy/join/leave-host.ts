/** `deploy/host leave`: this machine is what it was before it joined. */
import { existsSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { tryCommand } from '../command.ts';
import { takeDown } from '../down.ts';
import type { Layout } from '../layout.ts';
import { UserError } from '../user-error.ts';
import { readJoined } from './joined-host.ts';

/** What the agent makes on its host. */
const directories = ['/run/coracle', '/var/lib/coracle'];
const links = ['crcvx', 'crc0'];
const tables = ['coracle', 'coracle_pods'];

export async function leaveCluster(layout: Layout): Promise<void> {
  const joined = readJoined(layout);
  if (joined === undefined)
    throw new UserError(`host leave: this clone has joined no cluster that it calls ${layout.name}`);
  await takeDown(layout, false);
  for (const directory of directories) {
    for (const mountPoint of mountsBelow(directory)) await tryCommand('umount', ['-l', mountPoint]);
    empty(directory);
  }
  for (const link of links) await tryCommand('ip', ['link', 'delete', link]);
  for (const table of tables) await tryCommand('nft', ['delete', 'table', 'ip', table]);
  const { nodeName, config } = joined;
  await tryCommand('ip', ['address', 'delete', `${config.clusterDns}/32`, 'dev', 'lo']);
  process.stdout.write(`${nodeName} has left. The cluster still lists it: kubectl delete node ${nodeName}\n`);
}

/** The directory itself may be a disk of its own. */
function empty(directory: string): void {
  if (!existsSync(directory)) return;
  for (const name of readdirSync(directory)) rmSync(join(directory, name), { recursive: true, force: true });
}

/** Deepest first; not the directory itself, which may be a disk of its own. */
function mountsBelow(directory: string): string[] {
  const points = readFileSync('/proc/self/mounts', 'utf8')
    .split('\n')
    .map((line) => (line.split(' ')[1] ?? '').replaceAll('\\040', ' '));
  return points.filter((point) => point.startsWith(`${directory}/`)).reverse();
}
