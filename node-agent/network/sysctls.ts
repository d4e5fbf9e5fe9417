import { mkdir, readFile, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { KernelCommands } from './kernel-commands.ts';

/**
 * Kernel settings that the data plane needs. Loose reverse path filtering accepts an answer that comes by another
 * link than the one a packet left by, which happens between a node's own address and a remote pod.
 */
export const neededSysctls: Readonly<Record<string, string>> = {
  'net.ipv4.ip_forward': '1',
  'net.ipv4.conf.all.rp_filter': '2',
};

/** The value before the first change of each setting: what an uninstall puts back. */
const rememberedFile = 'sysctls.json';

/** Sets what differs, and remembers in `stateDir` what was there before. */
export async function ensureSysctls(commands: KernelCommands, stateDir: string): Promise<void> {
  const keys = Object.keys(neededSysctls);
  const values = (await commands.run(['sysctl', '-n', ...keys])).trim().split('\n');
  const wrong = keys.filter((key, i) => values[i] !== neededSysctls[key]);
  if (wrong.length === 0) return;
  await remember(stateDir, Object.fromEntries(wrong.map((key) => [key, values[keys.indexOf(key)] ?? ''])));
  await commands.run(['sysctl', '-q', '-w', ...wrong.map((key) => `${key}=${neededSysctls[key]}`)]);
}

async function remember(stateDir: string, changed: Readonly<Record<string, string>>): Promise<void> {
  await mkdir(stateDir, { recursive: true });
  const path = join(stateDir, rememberedFile);
  const before = await readFile(path, 'utf8').catch(() => '{}');
  const merged = { ...changed, ...(JSON.parse(before) as Record<string, string>) };
  await writeFile(`${path}.new`, JSON.stringify(merged));
  await rename(`${path}.new`, path);
}
