import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';

export interface SeenPacket {
  /** Seconds since the epoch. */
  readonly at: number;
  readonly flags: string;
}

/** Records the TCP packets with FIN or RST that one host sends over a link, until stopped. */
export class TeardownCapture {
  readonly packets: SeenPacket[] = [];
  readonly #tcpdump: ChildProcess;

  private constructor(tcpdump: ChildProcess) {
    this.#tcpdump = tcpdump;
    let rest = '';
    tcpdump.stdout?.on('data', (chunk: Buffer) => {
      const lines = (rest + chunk.toString()).split('\n');
      rest = lines.pop() ?? '';
      for (const line of lines) {
        const [, at = '', flags = ''] = /^(\d+\.\d+) .*Flags \[([^\]]+)\]/.exec(line) ?? [];
        if (at !== '') this.packets.push({ at: Number(at), flags });
      }
    });
  }

  /** What `host` sends over the bridge of the cluster's wire. */
  static async start(cluster: string, host: string): Promise<TeardownCapture> {
    const filter = `src host ${host} and tcp[tcpflags] & (tcp-fin|tcp-rst) != 0`;
    const netns = `--net=/run/netns/${cluster}.wire`;
    const argv = [netns, 'tcpdump', '-i', 'bridge', '-n', '-tt', '-l', '--immediate-mode', filter];
    const tcpdump = spawn('nsenter', argv, { stdio: ['ignore', 'pipe', 'pipe'] });
    const capture = new TeardownCapture(tcpdump);
    let said = '';
    while (!said.includes('listening on')) {
      const [chunk] = (await once(tcpdump.stderr ?? tcpdump, 'data', {
        signal: AbortSignal.timeout(10_000),
      })) as [Buffer];
      said += chunk.toString();
    }
    return capture;
  }

  async stop(): Promise<void> {
    this.#tcpdump.kill('SIGINT');
    if (this.#tcpdump.exitCode === null) await once(this.#tcpdump, 'exit');
  }
}
