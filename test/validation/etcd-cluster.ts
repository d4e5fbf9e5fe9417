import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { freePorts } from '../../deploy/ports.ts';
import { eventually } from '../support/eventually.ts';

interface Member {
  readonly name: string;
  readonly url: string;
  readonly peerUrl: string;
  process: ChildProcess | undefined;
}

interface MemberStatus {
  readonly header: { readonly member_id: string; readonly revision: string };
  readonly leader: string;
}

const startDeadlineMs = 30_000;

/** A real etcd of three members on loopback, whose members can be lost, led, compacted and put back in time. */
export class EtcdCluster {
  readonly #members: readonly Member[];
  readonly #directory: string;
  #generation = 0;

  private constructor(members: readonly Member[], directory: string) {
    this.#members = members;
    this.#directory = directory;
  }

  static async start(): Promise<EtcdCluster> {
    const ports = await freePorts(6);
    const members = [0, 1, 2].map((at) => ({
      name: `m${at}`,
      url: `http://127.0.0.1:${ports[at * 2]}`,
      peerUrl: `http://127.0.0.1:${ports[at * 2 + 1]}`,
      process: undefined,
    }));
    const cluster = new EtcdCluster(members, mkdtempSync(join(tmpdir(), 'coracle-etcd3-')));
    for (const member of members) cluster.#launch(member);
    await cluster.whenHealthy();
    return cluster;
  }

  get urls(): readonly string[] {
    return this.#members.map(({ url }) => url);
  }

  /** As a crash of one member, which then comes back with its data. */
  async restartMember(at: number): Promise<void> {
    const member = this.#member(at);
    await end(member);
    this.#launch(member);
    await this.whenHealthy();
  }

  /** The next member in turn leads. */
  async changeLeader(): Promise<void> {
    const statuses = await Promise.all(this.#members.map((member) => this.#status(member)));
    const leader = statuses[0]?.leader;
    const from = statuses.findIndex(({ header }) => header.member_id === leader);
    const target = statuses[(from + 1) % statuses.length]?.header.member_id ?? '';
    await post(`${this.#member(from).url}/v3/maintenance/transfer-leadership`, { targetID: target });
    await eventually(async () => {
      const { leader: now } = await this.#status(this.#member(0));
      if (now !== target) throw new Error(`${now} still leads`);
    }, startDeadlineMs);
  }

  /** Forgets all history but the present state. */
  async compact(): Promise<void> {
    const { header } = await this.#status(this.#member(0));
    await post(`${this.#member(0).url}/v3/kv/compaction`, { revision: header.revision });
  }

  /** Keeps the present state; the function that it gives puts every member back to it. */
  snapshot(): () => Promise<void> {
    const file = join(this.#directory, `snapshot-${this.#generation}`);
    etcdctl(['--endpoints', this.#member(0).url, 'snapshot', 'save', file]);
    return async () => {
      await Promise.all(this.#members.map(end));
      this.#generation += 1;
      for (const member of this.#members) {
        const place = ['--name', member.name, '--initial-advertise-peer-urls', member.peerUrl];
        const data = ['--data-dir', this.#dataOf(member), '--initial-cluster', this.#initialCluster];
        etcdctl(['snapshot', 'restore', file, ...place, ...data]);
        this.#launch(member);
      }
      await this.whenHealthy();
    };
  }

  async whenHealthy(): Promise<void> {
    await eventually(async () => {
      for (const { url, process: child } of this.#members) {
        if (child?.exitCode !== null) throw new Error(`the member at ${url} ended`);
        const response = await fetch(`${url}/health`);
        if (!response.ok) throw new Error(`the member at ${url} is not healthy`);
      }
    }, startDeadlineMs);
  }

  async stop(): Promise<void> {
    await Promise.all(this.#members.map(end));
    rmSync(this.#directory, { recursive: true, force: true });
  }

  get #initialCluster(): string {
    return this.#members.map(({ name, peerUrl }) => `${name}=${peerUrl}`).join(',');
  }

  #member(at: number): Member {
    const member = this.#members[at];
    if (member === undefined) throw new Error(`there is no member ${at}`);
    return member;
  }

  #dataOf({ name }: Member): string {
    return join(this.#directory, `${name}-${this.#generation}`);
  }

  #launch(member: Member): void {
    const child = spawn(
      'etcd',
      [
        ...['--name', member.name, '--data-dir', this.#dataOf(member), '--log-level', 'error'],
        ...['--unsafe-no-fsync', '--heartbeat-interval', '50', '--election-timeout', '500'],
        ...['--listen-client-urls', member.url, '--advertise-client-urls', member.url],
        ...['--listen-peer-urls', member.peerUrl, '--initial-advertise-peer-urls', member.peerUrl],
        ...['--initial-cluster', this.#initialCluster],
      ],
      { stdio: 'ignore' },
    );
    member.process = child;
    // Also when the test program fails before it can stop it.
    process.once('exit', () => child.kill('SIGKILL'));
  }

  #status(member: Member): Promise<MemberStatus> {
    return post<MemberStatus>(`${member.url}/v3/maintenance/status`, {});
  }
}

async function end(member: Member): Promise<void> {
  const child = member.process;
  member.process = undefined;
  if (child === undefined || child.exitCode !== null) return;
  const ended = once(child, 'exit');
  child.kill('SIGKILL');
  await ended;
}

function etcdctl(args: readonly string[]): void {
  execFileSync('etcdctl', [...args], { env: { ...process.env, ETCDCTL_API: '3' }, stdio: 'pipe' });
}

async function post<T>(url: string, body: object): Promise<T> {
  const response = await fetch(url, { method: 'POST', body: JSON.stringify(body) });
  const text = await response.text();
  if (!response.ok) throw new Error(`${url}: ${text}`);
  return JSON.parse(text) as T;
}
