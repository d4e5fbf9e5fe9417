import { type ChildProcess, spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import http2 from 'node:http2';
import { setPriority } from 'node:os';
import { join } from 'node:path';
import { CertificateAuthority } from '../../deploy/pki.ts';
import type { ApiServerProcess } from './api-server-process.ts';
import type { HammerCount, HammerOptions } from './hammer.ts';

/** Files of a certificate of the server's authority. */
export interface PairFiles {
  readonly ca: string;
  readonly cert: string;
  readonly key: string;
}

const identities: Readonly<Record<string, string>> = {
  scheduler: 'system:kube-scheduler',
  controllers: 'system:kube-controller-manager',
};

/** The certificate of `user`, made when there is none. */
export async function userPair(server: ApiServerProcess, user: string): Promise<PairFiles> {
  const pki = join(server.directory, 'pki');
  const authority = await CertificateAuthority.open(pki);
  await authority.ensure(pki, user, { commonName: identities[user] ?? user });
  const file = (name: string): string => join(pki, name);
  return { ca: file('ca.crt'), cert: file(`${user}.crt`), key: file(`${user}.key`) };
}

const configMaps = '/api/v1/namespaces/default/configmaps';
const leases = '/apis/coordination.k8s.io/v1/namespaces/kube-system/leases';

export interface UserAnswer {
  readonly status: number;
  readonly headers: http2.IncomingHttpHeaders;
  readonly body: string;
}

/** A user with one connection, who tries again after `Retry-After` when refused. */
export class UserClient {
  readonly #session: http2.ClientHttp2Session;
  readonly #user: string;
  #written = 0;

  private constructor(session: http2.ClientHttp2Session, user: string) {
    this.#session = session;
    this.#user = user;
  }

  static async connect(server: ApiServerProcess, user: string): Promise<UserClient> {
    const { ca, cert, key } = await userPair(server, user);
    const files = { ca: readFileSync(ca), cert: readFileSync(cert), key: readFileSync(key) };
    const session = http2.connect(`https://127.0.0.1:${server.port}`, files);
    session.on('error', () => undefined);
    return new UserClient(session, user);
  }

  /** How often it was refused before it was answered. */
  read(): Promise<number> {
    return this.#insist('GET', `${configMaps}/kube-root-ca.crt`, undefined);
  }

  list(path: string): Promise<number> {
    return this.#insist('GET', path, undefined);
  }

  write(): Promise<number> {
    this.#written += 1;
    const metadata = { name: `${this.#user}-${this.#written}` };
    return this.#insist('POST', configMaps, { apiVersion: 'v1', kind: 'ConfigMap', metadata });
  }

  /** As who leads does it; so often it was refused. */
  async renewLease(): Promise<number> {
    const name = (identities[this.#user] ?? '').replace('system:', '');
    const { status, body } = await this.ask('GET', `${leases}/${name}`);
    if (status === 429) return 1;
    const metadata = { name };
    const lease = { apiVersion: 'coordination.k8s.io/v1', kind: 'Lease', metadata, spec: {} };
    const [method, path, object] =
      status === 404 ? ['POST', leases, lease] : ['PUT', `${leases}/${name}`, JSON.parse(body) as object];
    this.#written += 1;
    const spec = { holderIdentity: this.#user, leaseTransitions: this.#written };
    return this.#insist(method, path, { ...object, spec });
  }

  async #insist(method: string, path: string, body: object | undefined): Promise<number> {
    for (let refused = 0; ; refused += 1) {
      const { status, headers, body: told } = await this.ask(method, path, body);
      if (status !== 429) {
        if (status >= 400 && status !== 404) throw new Error(`${method} ${path}: ${told}`);
        return refused;
      }
      await new Promise((resolve) => setTimeout(resolve, Number(headers['retry-after'] ?? 1) * 1_000));
    }
  }

  ask(method: string, path: string, body?: object): Promise<UserAnswer> {
    return new Promise((resolve, reject) => {
      const head = { ':method': method, ':path': path, 'content-type': 'application/json' };
      const stream = this.#session.request(head);
      const chunks: Buffer[] = [];
      let answered: http2.IncomingHttpHeaders = {};
      stream.once('response', (headers) => {
        answered = headers;
      });
      stream.on('data', (chunk: Buffer) => chunks.push(chunk));
      stream.once('error', reject);
      stream.once('end', () => {
        const status = Number(answered[':status']);
        resolve({ status, headers: answered, body: Buffer.concat(chunks).toString() });
      });
      stream.end(body === undefined ? undefined : JSON.stringify(body));
    });
  }

  close(): void {
    this.#session.destroy();
  }
}

export interface Hammering {
  /** When it is over. */
  readonly counted: Promise<HammerCount>;
  /** Before its time. */
  stop(): void;
}

const hammerPriority = 5;

/** Resolves when its connections are being answered. */
export async function startHammer(options: HammerOptions): Promise<Hammering> {
  const child = spawn(process.execPath, [join(import.meta.dirname, 'hammer.ts'), JSON.stringify(options)], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  // It takes what the others leave: what is measured is the server, not a race for the machine.
  setPriority(child.pid ?? 0, hammerPriority);
  const lines = linesOf(child);
  await lines.first;
  return {
    counted: lines.last.then((line) => JSON.parse(line) as HammerCount),
    stop: () => child.kill('SIGTERM'),
  };
}

function linesOf(child: ChildProcess): { readonly first: Promise<void>; readonly last: Promise<string> } {
  let text = '';
  const last = new Promise<string>((resolve) => {
    child.once('exit', () => resolve(text.trim().split('\n').at(-1) ?? ''));
  });
  const first = new Promise<void>((resolve) => {
    child.once('exit', () => resolve());
    child.stdout?.on('data', (chunk: Buffer) => {
      text += chunk.toString();
      if (text.includes('\n')) resolve();
    });
  });
  return { first, last };
}
