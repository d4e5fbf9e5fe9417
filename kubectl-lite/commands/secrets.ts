import { secrets } from '../../api/generated/resources.ts';
import type { AnyObject, KindInfo } from '../../api/kind-info.ts';
import { isConflict, isNotFound } from '../../api/status-error.ts';
import type { Api } from '../api.ts';
import { pathOf } from '../api.ts';
import { usageError } from '../cli-error.ts';
import type { Command } from '../command.ts';
import { itemsOf } from '../printers/objects.ts';

const pageSize = 100;

export const secretsCommand: Command = {
  name: 'secrets',
  usage: 'secrets rewrite',
  summary: 'Store every Secret anew, under the encryption key in use',
  flags: [],
  async run({ session, args }) {
    if (args.length !== 1 || args[0] !== 'rewrite')
      throw usageError(
        `unknown command "${args.join(' ')}"\nSee 'kubectl-lite secrets -h' for help and examples`,
      );
    const kind = await (await session.kinds()).byName(secrets.plural);
    const { seen, rewritten } = await rewriteAll(await session.api(), kind, (count) =>
      session.io.err(`${count} secrets looked at\n`),
    );
    session.io.out(`${seen} secrets, ${rewritten} of them stored anew\n`);
    return undefined;
  },
};

/** A write that changes nothing is carried out exactly when the stored value lies under another key. */
async function rewriteAll(
  api: Api,
  kind: KindInfo,
  progress: (seen: number) => void,
): Promise<{ readonly seen: number; readonly rewritten: number }> {
  let seen = 0;
  let rewritten = 0;
  let next: string | undefined;
  do {
    const query = { limit: pageSize, continue: next };
    const page = await api.get({ kind }, { query });
    for (const object of itemsOf(page)) {
      seen += 1;
      if (await rewriteOne(api, kind, object)) rewritten += 1;
    }
    const { continue: token = '' }: { continue?: string } = Object(page.metadata);
    next = token === '' ? undefined : token;
    if (next !== undefined) progress(seen);
  } while (next !== undefined);
  return { seen, rewritten };
}

async function rewriteOne(api: Api, kind: KindInfo, object: AnyObject): Promise<boolean> {
  const { name, namespace, resourceVersion } = object.metadata;
  const body = { ...object, apiVersion: 'v1', kind: kind.kind };
  try {
    const written = await api.send('PUT', pathOf({ kind, namespace, name }), { body });
    return written.metadata.resourceVersion !== resourceVersion;
  } catch (error) {
    // Somebody else has just written it, under the key in use, or removed it.
    if (isConflict(error) || isNotFound(error)) return false;
    throw error;
  }
}
