/**
 * A machine beside the cluster's: namespaces of its own, an address on the wire, a clone without the cluster's folder. Nothing but the network
 * connects the two.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, rmdirSync } from 'node:fs';
import { join } from 'node:path';
import { eventually } from '../support/eventually.ts';
import { root } from '../tidy/source-files.ts';
import { type CommandResult, must, runToEnd, type TestCluster } from './cluster.ts';

const dataDirectory = '/var/lib/coracle';

export class OtherMachine {
  readonly name: string;
  readonly #cluster: TestCluster;
  readonly #octet: number;
  #shell: ChildProcess | undefined;
  #init = 0;
  #madeDirectory = false;

  /** @param name also what it calls the cluster: at most 9 letters and digits. @param octet of its address on the wire */
  constructor(cluster: TestCluster, name: string, octet: number) {
    this.name = name;
    this.#cluster = cluster;
    this.#octet = octet;
  }

  /** Once the cluster is up. */
  get address(): string {
    const { choices } = JSON.parse(readFileSync(join(this.#cluster.state, 'cluster.json'), 'utf8')) as {
      readonly choices: { readonly underlay: string };
    };
    return `${choices.underlay}.${this.#octet}`;
  }

  /** Where its clone keeps what it has joined. */
  get state(): string {
    return join(root, `.cluster-${this.name}`);
  }

  async boot(): Promise<void> {
    const gateway = this.address.replace(/\d+$/, '1');
    const [wire, link] = [`${this.#cluster.name}.wire`, `${this.name}-l`];
    const ip = async (...args: string[]): Promise<void> =>
      void must(await runToEnd('ip', args), `ip ${args.join(' ')}`);
    await ip('netns', 'add', this.name);
    await ip(...`link add ${link} netns ${wire} type veth peer name eth0 netns ${this.name}`.split(' '));
    await ip(...`-netns ${wire} link set ${link} master bridge up`.split(' '));
    await ip(...`-netns ${this.name} link set lo up`.split(' '));
    await ip(...`-netns ${this.name} address add ${this.address}/24 dev eth0`.split(' '));
    await ip(...`-netns ${this.name} link set eth0 up`.split(' '));
    await ip(...`-netns ${this.name} route add default via ${gateway}`.split(' '));
    this.#madeDirectory = !existsSync(dataDirectory);
    if (this.#madeDirectory) mkdirSync(dataDirectory);
    await this.#start();
  }

  async #start(): Promise<void> {
    const namespaces = ['--pid', '--fork', '--mount', '--uts', '--ipc', '--propagation=private'];
    const enter = [`--net=/run/netns/${this.name}`, 'unshare', ...namespaces, 'sh', '-c', this.#script()];
    const shell = spawn('nsenter', enter, { stdio: ['ignore', 'pipe', 'inherit'], cwd: '/' });
    this.#shell = shell;
    let said = '';
    shell.stdout.on('data', (chunk: Buffer) => (said += chunk.toString()));
    await eventually(() => {
      if (!said.includes('booted')) throw new Error(`the machine does not boot: ${said}`);
    });
    this.#init = Number(readFileSync(`/proc/${shell.pid}/task/${shell.pid}/children`, 'utf8').split(' ')[0]);
  }

  #script(): string {
    const unified = '/sys/fs/cgroup/unified';
    const hide = readdirSync(root)
      .filter((name) => /^\.cluster(-|$)/.test(name) && name !== `.cluster-${this.name}`)
      .map((name) => `mount -t tmpfs tmpfs '${join(root, name)}'`);
    return `set -e
hostname ${this.name}
mount -t proc proc /proc
umount -l -R -q /run/netns || :
mount -t tmpfs -o mode=755 tmpfs /run
mkdir -p /run/netns /run/lock /run/cgroup
mount --rbind /sys/fs/cgroup /run/cgroup
mount -t sysfs sysfs /sys
mount --rbind /run/cgroup /sys/fs/cgroup
umount -l /run/cgroup
if umount -q ${unified} 2>/dev/null; then mount -t tmpfs -o size=1m,mode=755 tmpfs ${unified}; fi
mount -t tmpfs -o mode=755 tmpfs ${dataDirectory}
${hide.join('\n')}
echo booted
exec catatonit -P >/dev/null 2>&1
`;
  }

  /** Runs a command there, to its end. */
  run(...command: string[]): Promise<CommandResult> {
    const namespaces = ['--mount', '--uts', '--ipc', '--net', '--pid'];
    return runToEnd('nsenter', [`--target=${this.#init}`, ...namespaces, '--wd=/', ...command]);
  }

  /** `deploy/host ACTION` in its clone. */
  host(...operands: string[]): Promise<CommandResult> {
    return this.run(join(root, 'deploy/host'), ...operands, '--name', this.name);
  }

  /** Runs the line that `kubectl-lite join-command` prints, as somebody pastes it. */
  join(line: string, ...more: string[]): Promise<CommandResult> {
    const [command, ...operands] = line.trim().split(' ');
    if (command !== 'deploy/host') throw new TypeError(`not a line to join by: ${line}`);
    return this.host(...operands, ...more);
  }

  /** Off, and everything of it gone, whatever state it is in. */
  async remove(): Promise<void> {
    if (this.#init > 0) await runToEnd('kill', ['-9', String(this.#init)]);
    this.#shell?.kill('SIGKILL');
    await runToEnd('ip', ['-netns', `${this.#cluster.name}.wire`, 'link', 'delete', `${this.name}-l`]);
    await runToEnd('ip', ['netns', 'delete', this.name]);
    if (this.#madeDirectory && readdirSync(dataDirectory).length === 0) rmdirSync(dataDirectory);
    must(await runToEnd(join(root, 'deploy/down'), ['--name', this.name]), 'deploy/down of the machine');
  }
}
