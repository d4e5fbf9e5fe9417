/**
 * An API server in the foreground with certificates and kubeconfigs of its own, for trying things out:
 *
 *   node test/support/dev-cluster.ts [--dir DIR] [--port 6443] [--nodes host-1,host-2] [apiserver flags ...]
 *
 * DIR (default: a directory under the system's temporary one) then holds `pki/` and `admin.kubeconfig`,
 * `scheduler.kubeconfig`, `controllers.kubeconfig`, `detector.kubeconfig`, `<node>.kubeconfig`. Without
 * `--etcd-servers` the store is in memory and ends with the process.
 */
import { spawn } from 'node:child_process';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { createTestPki } from './test-pki.ts';

function takeFlag(argv: string[], name: string, fallback: string): string {
  const at = argv.findIndex((argument) => argument === `--${name}` || argument.startsWith(`--${name}=`));
  const found = argv[at];
  if (found === undefined) return fallback;
  const inline = found.indexOf('=');
  const value = inline < 0 ? argv[at + 1] : found.slice(inline + 1);
  argv.splice(at, inline < 0 ? 2 : 1);
  return value ?? fallback;
}

const argv = process.argv.slice(2);
const directory = takeFlag(argv, 'dir', join(tmpdir(), 'coracle-dev'));
const port = Number(takeFlag(argv, 'port', '6443'));
const nodes = takeFlag(argv, 'nodes', 'host-1,host-2,host-3').split(',');
const pki = await createTestPki({ directory, port, nodes });
const flags = [...pki.apiserverFlags, `--secure-port=${port}`, ...argv];
if (!argv.some((argument) => argument.startsWith('--etcd-servers') || argument.startsWith('--storage')))
  flags.push('--storage=memory');
process.stderr.write(`kubeconfig: ${join(directory, 'admin.kubeconfig')}\n`);
const main = join(dirname(fileURLToPath(import.meta.url)), '../../apiserver/main.ts');
const server = spawn(process.execPath, [main, ...flags], { stdio: 'inherit' });
for (const name of ['SIGINT', 'SIGTERM'] as const) process.on(name, () => server.kill(name));
server.once('exit', (code) => process.exit(code ?? 1));
