import type { KernelCommands } from '../network/kernel-commands.ts';

/**
 * Entries of the connection tracking table to take away. A packet of such a connection is then translated anew: a UDP
 * client goes on with another endpoint, a TCP client gets a reset at once instead of waiting for a dead host.
 */
export type ConntrackCut =
  | {
      readonly kind: 'endpoint';
      readonly protocol: 'udp' | 'sctp';
      readonly ip: string;
      readonly port: string;
    }
  | { readonly kind: 'address'; readonly protocol: 'tcp'; readonly ip: string }
  | {
      readonly kind: 'frontend';
      readonly protocol: 'udp' | 'sctp';
      readonly ip: string;
      readonly port: string;
    };

/** Endpoints that are cut by one shell; more are cut in the next. */
const cutsPerShell = 200;

export function cutLine(cut: ConntrackCut): string {
  switch (cut.kind) {
    case 'endpoint':
      return `conntrack -D -p ${cut.protocol} --reply-src ${cut.ip} --reply-port-src ${cut.port}`;
    case 'address':
      return `conntrack -D -p ${cut.protocol} --reply-src ${cut.ip}`;
    case 'frontend':
      return `conntrack -D -p ${cut.protocol} --orig-dst ${cut.ip} --orig-port-dst ${cut.port}`;
  }
}

/** All in one process per 200. That an entry is not there (exit code 1) is what we want. */
export async function applyCuts(commands: KernelCommands, cuts: readonly ConntrackCut[]): Promise<void> {
  const lines = [...new Set(cuts.map(cutLine))];
  for (let i = 0; i < lines.length; i += cutsPerShell) {
    const script = lines.slice(i, i + cutsPerShell).map((line) => `${line} >/dev/null 2>&1 || :`);
    await commands.run(['sh', '-s'], `${script.join('\n')}\n`);
  }
}
