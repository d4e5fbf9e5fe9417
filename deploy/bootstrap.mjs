/**
 * From a fresh clone to the compiled programs: checks the command line, installs what is missing, builds, and goes on
 * in `dist/deploy/main.js` on the pinned Node.js. Plain JavaScript without dependencies: it runs before they exist.
 */
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

/** How long to wait for another apt-get on the machine. */
const aptLockSeconds = 300;

const here = dirname(fileURLToPath(import.meta.url));
const root = dirname(here);
const [command = '', ...args] = process.argv.slice(2);
const definitions = JSON.parse(readFileSync(join(here, 'options.json'), 'utf8'))[command];
const operands = {
  up: '',
  down: '',
  host: ' ls | add [NAME] | kill NAME | start NAME | cut NAME | heal NAME | join [ADDRESS:PORT] | leave',
  certs: ' ls | renew',
}[command];

function usage() {
  const rows = Object.entries(definitions).map(([name, option]) => {
    const left = option.value === undefined ? `--${name}` : `--${name} ${option.value}`;
    return `  ${left.padEnd(24)} ${option.help}\n`;
  });
  return `usage: deploy/${command}${operands} [options]\n${rows.join('')}`;
}

function refuse(message) {
  process.stderr.write(`deploy/${command}: ${message}\n${usage()}`);
  process.exit(2);
}

function checkArguments() {
  if (args.includes('--help') || args.includes('-h')) {
    process.stdout.write(usage());
    process.exit(0);
  }
  const options = Object.fromEntries(
    Object.entries(definitions).map(([name, option]) => [
      name,
      { type: option.type === 'boolean' ? 'boolean' : 'string' },
    ]),
  );
  try {
    const { values } = parseArgs({ args, options, allowPositionals: operands !== '' });
    for (const [name, value] of Object.entries(values)) {
      if (definitions[name].type === 'count' && !/^\d{1,6}$/.test(value))
        refuse(`--${name}: "${value}" is not a whole number`);
    }
  } catch (error) {
    refuse(error.message.split('. ')[0]);
  }
}

function run(what, file, argv, options = {}) {
  process.stderr.write(`${what} ...\n`);
  const { status, stdout, stderr } = spawnSync(file, argv, {
    cwd: root,
    encoding: 'utf8',
    maxBuffer: 64 << 20,
    ...options,
  });
  if (status === 0) return;
  const said = `${stdout ?? ''}${stderr ?? ''}`
    .split('\n')
    .filter((line) => line.trim() !== '' && !line.startsWith('npm warn'));
  const tail =
    said.length > 30 ? [...said.slice(0, 15), '...', ...said.slice(-10)].join('\n') : said.join('\n');
  process.stderr.write(`deploy/${command}: ${what}: ${file} ended with ${status}\n${tail}\n`);
  process.exit(1);
}

/** Services that a package brings must not start: neither now (policy-rc.d) nor at the next boot (systemd presets). */
function withoutServices(install) {
  const policy = '/usr/sbin/policy-rc.d';
  const ours = !existsSync(policy);
  if (ours) writeFileSync(policy, '#!/bin/sh\nexit 101\n', { mode: 0o755 });
  try {
    install();
  } finally {
    if (ours) rmSync(policy, { force: true });
  }
  if (existsSync('/run/systemd/system')) spawnSync('systemctl', ['disable', '--quiet', 'etcd.service']);
}

function installPackages(lists) {
  const wanted = lists.flatMap((list) => readFileSync(join(root, list), 'utf8').split('\n').filter(Boolean));
  const selections = spawnSync('dpkg', ['--get-selections'], { encoding: 'utf8' }).stdout ?? '';
  const lines = selections.split('\n').map((line) => line.split(/[:\t]+/));
  const installed = new Set(lines.filter((fields) => fields.at(-1) === 'install').map(([name]) => name));
  const missing = wanted.filter((name) => !installed.has(name));
  if (missing.length === 0) return;
  spawnSync('apt-get', ['update', '-qq']);
  withoutServices(() =>
    run(
      `installing ${missing.join(' ')}`,
      'apt-get',
      [
        'install',
        '-y',
        '-qq',
        '--no-install-recommends',
        '-o',
        `DPkg::Lock::Timeout=${aptLockSeconds}`,
        ...missing,
      ],
      {
        env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive' },
      },
    ),
  );
}

/** One at a time in this clone: two clusters may come up in it at the same moment. */
function alone(argv) {
  mkdirSync(join(root, '.cache'), { recursive: true });
  return ['flock', [join(root, '.cache/prepare.lock'), ...argv]];
}

function installModules() {
  const lock = createHash('sha256')
    .update(readFileSync(join(root, 'package-lock.json')))
    .digest('hex');
  const mark = join(root, 'node_modules/.coracle-lock');
  if (existsSync(mark) && readFileSync(mark, 'utf8') === lock) return;
  // Another `up` may have done it while this one waited for its turn.
  const install = `[ "$(cat "$1" 2>/dev/null)" = "$2" ] || {
    npm ci --ignore-scripts --include=optional --no-audit --no-fund && printf %s "$2" >"$1"
  }`;
  run('npm ci', ...alone(['sh', '-c', install, 'sh', mark, lock]));
}

function pinnedNode() {
  const found = ['x64', 'arm64']
    .map((arch) => join(root, `node_modules/node-linux-${arch}/bin/node`))
    .find((path) => existsSync(path));
  if (found !== undefined) return found;
  process.stderr.write(`deploy/${command}: no Node.js 24 in node_modules: is this linux on x64 or arm64?\n`);
  process.exit(1);
}

checkArguments();
// `prepare` is for the tests: everything but the cluster.
const joins = command === 'host' && args.includes('join');
const changes = command === 'up' || command === 'prepare' || joins;
if (changes)
  installPackages(['deploy/packages.txt', ...(command === 'prepare' ? ['test/packages.txt'] : [])]);
const built = join(root, 'dist/deploy/main.js');
if (changes || !existsSync(built)) {
  installModules();
  const build = spawnSync(...alone([pinnedNode(), join(here, 'build.mjs')]), { cwd: root, stdio: 'inherit' });
  if (build.status !== 0) process.exit(1);
}
if (command === 'prepare') process.exit(0);
const { status, signal } = spawnSync(pinnedNode(), [built, command, ...args], { stdio: 'inherit' });
process.exit(signal === null ? (status ?? 1) : 130);
