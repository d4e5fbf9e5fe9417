import { type ChildProcess, spawn } from 'node:child_process';
import { inNetns } from './network-hosts.ts';

/** Servers inside namespaces, ended together. */
export class Servers {
  readonly #children: ChildProcess[] = [];

  /** Answers every connection (or datagram) with `text` and the peer's address. */
  serve(netns: string, port: number, text: string, protocol: 'tcp' | 'udp' = 'tcp'): void {
    const listen =
      protocol === 'tcp' ? `TCP-LISTEN:${port},fork,reuseaddr` : `UDP-RECVFROM:${port},fork,reuseaddr`;
    const body = protocol === 'tcp' ? `echo ${text} $SOCAT_PEERADDR` : `read x; echo ${text} $SOCAT_PEERADDR`;
    this.#children.push(
      spawn('nsenter', [`--net=/run/netns/${netns}`, 'socat', listen, `SYSTEM:${body}`], {
        stdio: 'ignore',
      }),
    );
  }

  stop(): void {
    for (const child of this.#children.splice(0)) child.kill('SIGKILL');
  }
}

export type Outcome =
  | { readonly kind: 'answer'; readonly server: string; readonly peer: string }
  | { readonly kind: 'refused'; readonly tookMs: number }
  | { readonly kind: 'silent' };

/** Connects once, from inside a namespace, and says how it went. */
export async function ask(netns: string, address: string, port: number, timeoutS = 1): Promise<Outcome> {
  const startMs = performance.now();
  try {
    const target = `TCP:${address}:${port},connect-timeout=${timeoutS}`;
    const text = await inNetns(netns, 'socat', '-T', String(timeoutS), '-u', target, '-');
    const [server = '', peer = ''] = text.trim().split(' ');
    return server === '' ? { kind: 'silent' } : { kind: 'answer', server, peer };
  } catch (error) {
    if (/refused/i.test(String(error))) return { kind: 'refused', tookMs: performance.now() - startMs };
    return { kind: 'silent' };
  }
}

/** The names of the servers that answer `times` connections, sorted, each once. */
export async function serversSeen(
  netns: string,
  address: string,
  port: number,
  times = 12,
): Promise<string[]> {
  const outcomes = await Promise.all(Array.from({ length: times }, () => ask(netns, address, port)));
  const names = outcomes.map((outcome) => (outcome.kind === 'answer' ? outcome.server : outcome.kind));
  return [...new Set(names)].sort();
}

/** Sends one datagram and returns the answer. */
export async function askUdp(
  netns: string,
  address: string,
  port: number,
  sourcePort?: number,
): Promise<string> {
  const source = sourcePort === undefined ? '' : `,sourceport=${sourcePort},reuseaddr`;
  const script = `echo hi | socat -t 0.3 -T 1 - UDP:${address}:${port}${source}`;
  return (await inNetns(netns, 'sh', '-c', script).catch(() => '')).trim();
}
