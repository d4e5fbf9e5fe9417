import { mkdir, readFile, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { bridgeName } from './desired-network.ts';
import type { KernelCommands } from './kernel-commands.ts';

/**
 * Kernel settings that the data plane needs. Loose reverse path filtering accepts an answer that comes by another
 * link than the one a packet left by, which happens between a node's own address and a remote pod.
 */
export const neededSysctls: Readonly<Record<string, string>> = {
  'net.ipv4.ip_forward': '1',
  'net.ipv4.conf.all.rp_filter': '2',
};

/**
 * Of our own bridge, so nothing is to be put back: the answer to a host port that was asked on the node's loopback comes
 * in by it. What else wants to the loopback from there is dropped (`pod-rules.ts`).
 */
const bridgeSysctls: Readonly<Record<string, string>> = {
  [`net.ipv4.conf.${bridgeName}.route_localnet`]: '1',
};

/** The value before the first change of each setting: what an uninstall puts back. */
const rememberedFile = 'sysctls.json';

/** Sets what differs, and remembers in `stateDir` what was there before. */
export async function ensureSysctls(commands: KernelCommands, stateDir: string): Promise<void> {
  const settings = { ...neededSysctls, ...bridgeSysctls };
  const keys = Object.keys(settings);
  const values = (await commands.run(['sysctl', '-n', ...keys])).trim().split('\n');
  const wrong = keys.filter((key, i) => values[i] !== settings[key]);
  if (wrong.length === 0) return;
  const ofHost = wrong.filter((key) => key in neededSysctls);
  if (ofHost.length > 0)
    await remember(stateDir, Object.fromEntries(ofHost.map((key) => [key, values[keys.indexOf(key)] ?? ''])));
  await commands.run(['sysctl', '-q', '-w', ...wrong.map((key) => `${key}=${settings[key]}`)]);
}

async function remember(stateDir: string, changed: Readonly<Record<string, string>>): Promise<void> {
  await mkdir(stateDir, { recursive: true });
  const path = join(stateDir, rememberedFile);
  const before = await readFile(path, 'utf8').catch(() => '{}');
  const merged = { ...changed, ...(JSON.parse(before) as Record<string, string>) };
  await writeFile(`${path}.new`, JSON.stringify(merged));
  await rename(`${path}.new`, path);
}
