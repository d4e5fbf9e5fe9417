import type { IncomingMessage } from 'node:http';

/** What somebody must be allowed to do with the Node: with one of the subresources, asked in this order. */
export interface AccessQuestion {
  readonly verb: string;
  readonly subresources: readonly string[];
}

const verbs: Readonly<Record<string, string>> = {
  ...{ GET: 'get', HEAD: 'get', POST: 'create', PUT: 'update', PATCH: 'patch', DELETE: 'delete' },
};

/** What stands for a path of its own, with `proxy`, which stands for all but those below. */
const fineGrained: Readonly<Record<string, string>> = {
  ...{ healthz: 'healthz', configz: 'configz', pods: 'pods', runningpods: 'pods' },
};
const ownSubresource: Readonly<Record<string, string>> = {
  ...{ stats: 'stats', metrics: 'metrics', logs: 'log', checkpoint: 'checkpoint' },
};

/**
 * Commands and tunnels are no reading, whatever the method: a WebSocket begins with GET, and in Kubernetes whoever may `get nodes/proxy` may
 * therefore run commands in every pod of the node. Here they need `create`.
 */
const connecting: ReadonlySet<string> = new Set(['exec', 'attach', 'portForward', 'run']);

export function questionOf({
  method = 'GET',
  url = '/',
}: Pick<IncomingMessage, 'method' | 'url'>): AccessQuestion {
  if (method === 'CONNECT') return { verb: 'create', subresources: ['proxy'] };
  const root = rootOf(url);
  const verb = connecting.has(root) ? 'create' : (verbs[method] ?? '');
  const own = ownSubresource[root];
  if (own !== undefined) return { verb, subresources: [own] };
  const fine = fineGrained[root];
  return { verb, subresources: fine === undefined ? ['proxy'] : [fine, 'proxy'] };
}

/** Read as the routes read it: the first part that is not empty, decoded. */
function rootOf(url: string): string {
  const { pathname } = new URL(url, 'https://agent');
  const root = pathname.split('/').find((part) => part !== '') ?? '';
  try {
    return decodeURIComponent(root);
  } catch {
    // A stray percent sign: there is no such path.
    return root;
  }
}
