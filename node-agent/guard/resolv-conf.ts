import { parseIpv4 } from '../network/ipv4.ts';

/** Upstreams asked in turn for one query. */
const maxUpstreams = 3;

/** IPv4 name servers of a resolv.conf, without those that are the guard itself. */
export function upstreamsOf(resolvConf: string, own: readonly string[]): string[] {
  const servers = resolvConf
    .split('\n')
    .map((line) => /^\s*nameserver\s+(\S+)/.exec(line)?.[1] ?? '')
    .filter((server) => parseIpv4(server) !== undefined && !own.includes(server));
  return [...new Set(servers)].slice(0, maxUpstreams);
}
