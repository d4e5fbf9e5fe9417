/** Bootstrap tokens. @see https://kubernetes.io/docs/reference/access-authn-authz/bootstrap-tokens/ */
import { secrets } from '../../api/generated/resources.ts';
import type { AnyObject } from '../../api/kind-info.ts';
import { isNotFound } from '../../api/status-error.ts';
import {
  createToken,
  joiningGroup,
  joinLine,
  randomToken,
  tokenNamespace,
  tokenSecretPrefix,
  tokenSecretType,
  ttlFlag,
} from '../bootstrap-token.ts';
import { usageError } from '../cli-error.ts';
import type { Command, Invocation } from '../command.ts';
import { age } from '../describe/outline.ts';
import { itemsOf } from '../printers/objects.ts';
import { align } from '../printers/table.ts';

export const tokenCommand: Command = {
  name: 'token',
  usage: 'token (create [TOKEN] | list | delete TOKEN-ID)',
  summary: 'Manage the tokens by which new nodes join',
  flags: [
    ttlFlag,
    { name: 'description', kind: 'text', help: 'What a new token is for' },
    {
      name: 'groups',
      kind: 'text',
      fallback: joiningGroup,
      help: 'Groups, with commas, of those who show a new token; all begin with system:bootstrappers:',
    },
    {
      name: 'usages',
      kind: 'text',
      fallback: 'signing,authentication',
      help: 'What a new token is good for',
    },
    {
      name: 'print-join-command',
      kind: 'boolean',
      help: 'Instead of the token print the line by which another machine joins',
    },
  ],
  async run(invocation) {
    const [verb = '', ...args] = invocation.args;
    if (verb === 'create' && args.length <= 1) return create(invocation, args[0]);
    if (verb === 'list' && args.length === 0) return list(invocation);
    if (verb === 'delete' && args.length > 0) return remove(invocation, args);
    throw usageError(`USAGE: ${tokenCommand.usage}\nSee 'kubectl-lite token -h' for help and examples`);
  },
};

async function create({ session, flags }: Invocation, given: string | undefined): Promise<undefined> {
  const token = given ?? randomToken();
  const ttlMs = flags.durationMs('ttl') ?? 0;
  const usages = (flags.text('usages') ?? '').split(',').filter((usage) => usage !== '');
  const unknown = usages.find((usage) => usage !== 'signing' && usage !== 'authentication');
  if (unknown !== undefined) throw usageError(`invalid usage "${unknown}": signing, authentication`);
  const line = flags.bool('print-join-command') ? await joinLine(session, token) : token;
  const [groups, description] = [flags.text('groups') ?? '', flags.text('description')];
  await createToken(session, { token, ttlMs, usages, groups, description });
  session.io.out(`${line}\n`);
  return undefined;
}

async function list({ session }: Invocation): Promise<undefined> {
  const kind = await (await session.kinds()).byName(secrets.plural);
  const query = { fieldSelector: `type=${tokenSecretType}` };
  const found = await (await session.api()).get({ kind, namespace: tokenNamespace }, { query });
  const rows = itemsOf(found).map((object) => rowOf(object, session.clock.nowMs()));
  const header = ['TOKEN', 'TTL', 'EXPIRES', 'USAGES', 'DESCRIPTION', 'EXTRA GROUPS'];
  session.io.out(align([header, ...rows]));
  return undefined;
}

function rowOf(object: AnyObject, nowMs: number): string[] {
  const { data = {} }: { data?: Record<string, string> } = Object(object);
  const read = (key: string): string => Buffer.from(data[key] ?? '', 'base64').toString();
  const expires = read('expiration');
  const usages = ['authentication', 'signing'].filter((usage) => read(`usage-bootstrap-${usage}`) === 'true');
  return [
    `${read('token-id')}.${read('token-secret')}`,
    expires === '' ? '<forever>' : age(nowMs, Date.parse(expires)),
    expires === '' ? '<never>' : expires,
    usages.join(',') || '<none>',
    read('description') || '<none>',
    read('auth-extra-groups') || '<none>',
  ];
}

async function remove({ session }: Invocation, tokens: readonly string[]): Promise<number | undefined> {
  const kind = await (await session.kinds()).byName(secrets.plural);
  const api = await session.api();
  let failed = false;
  for (const token of tokens) {
    const [id = ''] = token.split('.');
    try {
      await api.send(
        'DELETE',
        `/api/v1/namespaces/${tokenNamespace}/${kind.plural}/${tokenSecretPrefix}${encodeURIComponent(id)}`,
      );
      session.io.out(`bootstrap token "${id}" deleted\n`);
    } catch (error) {
      if (!isNotFound(error)) throw error;
      session.io.err(`error: no bootstrap token "${id}"\n`);
      failed = true;
    }
  }
  return failed ? 1 : undefined;
}
