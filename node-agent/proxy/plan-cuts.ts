import type { ConntrackCut } from './conntrack.ts';
import type { Target } from './endpoints.ts';

/** How the endpoints of one frontend change; `after` is undefined when the frontend goes. */
export interface EndpointTransition {
  /** `10.96.0.1 . tcp . 80`, or `tcp . 30080` */
  readonly key: string;
  readonly before: readonly Target[];
  readonly after: readonly Target[] | undefined;
}

/**
 * Which tracked connections must not go on. UDP has no end of its own, so entries to any endpoint that leaves are cut.
 * A TCP connection to an endpoint that still lives (it is being drained, or fails its readiness probe) ends by itself;
 * it is cut when the endpoint is on a node that nobody can reach. (When its address has left all slices its pod is gone;
 * that is cut elsewhere, as it may come after the endpoint has left the frontends.) When a service itself goes, its TCP
 * connections stay, as in Kubernetes.
 */
export function planCuts(
  transitions: readonly EndpointTransition[],
  isLost: (ip: string) => boolean,
): ConntrackCut[] {
  const cuts: ConntrackCut[] = [];
  for (const { key, before, after } of transitions) {
    const parts = key.split(' . ');
    const protocol = parts.at(-2) ?? '';
    const remaining = new Set(after ?? []);
    for (const target of before) {
      if (remaining.has(target)) continue;
      const [ip = '', port = ''] = target.split(' . ');
      if (protocol === 'udp' || protocol === 'sctp') cuts.push({ kind: 'endpoint', protocol, ip, port });
      else if (after !== undefined && isLost(ip)) cuts.push({ kind: 'address', protocol: 'tcp', ip });
    }
    const [ip = '', , port = ''] = parts;
    if (after === undefined && parts.length === 3 && (protocol === 'udp' || protocol === 'sctp'))
      cuts.push({ kind: 'frontend', protocol, ip, port });
  }
  return cuts;
}
