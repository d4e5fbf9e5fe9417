import type { KindInfo } from '../../api/kind-info.ts';
import { isNotFound } from '../../api/status-error.ts';
import { type Place, pathOf } from '../api.ts';
import { describeFailure, usageError } from '../cli-error.ts';
import {
  allNamespacesFlag,
  type Command,
  dryRunFlag,
  fileFlags,
  type Invocation,
  selectorFlag,
} from '../command.ts';
import { dryRunOf, dryRunSuffix } from '../dry-run.ts';
import { qualifiedKind } from '../kind-table.ts';
import { locateManifests } from '../located.ts';
import { itemsOf } from '../printers/objects.ts';
import { parseTargets } from '../targets.ts';

const pollMs = 50;

const nothingNamed = `You must provide one or more resources by argument or filename.
Example resource specifications include:
   '-f rsrc.yaml'
   '--filename=rsrc.json'
   '<resource> <name>'
   '<resource>'`;

export const deleteCommand: Command = {
  name: 'delete',
  usage: 'delete ([-f FILENAME] | TYPE [(NAME | -l label | --all)])',
  summary: 'Delete resources by file names, stdin, resources and names, or by resources and label selector',
  flags: [
    ...fileFlags,
    selectorFlag,
    allNamespacesFlag,
    dryRunFlag,
    { name: 'output', short: 'o', kind: 'text', help: 'name' },
    { name: 'field-selector', kind: 'text', help: 'Field selector' },
    { name: 'all', kind: 'boolean', help: 'All objects of the kind in the namespace' },
    { name: 'grace-period', kind: 'text', fallback: '-1', help: 'Seconds until it is killed' },
    { name: 'now', kind: 'boolean', help: 'A grace period of 1 second' },
    { name: 'force', kind: 'boolean', help: 'With --grace-period=0: do not wait for confirmation' },
    { name: 'wait', kind: 'boolean', fallback: 'true', help: 'Return when the objects are gone' },
    { name: 'timeout', kind: 'text', fallback: '0s', help: 'How long to wait' },
    { name: 'ignore-not-found', kind: 'boolean', help: 'Success when the object is not there' },
    {
      name: 'cascade',
      kind: 'text',
      fallback: 'background',
      bare: 'background',
      help: 'background, orphan or foreground',
    },
  ],
  async run(invocation) {
    const { session, flags } = invocation;
    const body = deleteBody(invocation);
    const places = await placesOf(invocation);
    const failures: string[] = [];
    const deleted: { readonly place: NamedPlace; readonly uid: string | undefined }[] = [];
    for (const place of places) {
      try {
        deleted.push({ place, uid: await deleteOne(invocation, place, body) });
      } catch (error) {
        if (isNotFound(error) && (flags.bool('ignore-not-found') || flags.bool('all'))) continue;
        failures.push(describeFailure(error, place.source && `error when deleting "${place.source}"`));
      }
    }
    const isAll = flags.bool('all') || flags.has('selector') || flags.has('field-selector');
    if (places.length === 0 && isAll && !flags.bool('ignore-not-found'))
      session.io.out('No resources found\n');
    if (flags.bool('wait') && dryRunOf(flags, session.io) === 'none')
      await waitUntilGone(invocation, deleted);
    if (failures.length > 0) session.io.err(`${failures.join('\n')}\n`);
    return failures.length > 0 ? 1 : undefined;
  },
};

interface NamedPlace extends Place {
  readonly kind: KindInfo;
  readonly name: string;
  readonly source?: string;
}

function deleteBody({ session, flags }: Invocation): Record<string, unknown> {
  const grace = flags.bool('now') ? 1 : (flags.number('grace-period') ?? -1);
  const isForced = flags.bool('force');
  if (grace === 0 && !isForced && flags.has('grace-period') && !flags.bool('wait')) {
    session.io.err('Warning: deleting without waiting\n');
  }
  if (isForced && grace > 0)
    throw usageError('--force and --grace-period greater than 0 cannot be specified together');
  if (isForced)
    session.io.err(
      'Warning: Immediate deletion does not wait for confirmation that the running resource has been terminated. The resource may continue to run on the cluster indefinitely.\n',
    );
  const policies: Readonly<Record<string, string>> = {
    background: 'Background',
    true: 'Background',
    orphan: 'Orphan',
    false: 'Orphan',
    foreground: 'Foreground',
  };
  const cascade = flags.text('cascade') ?? 'background';
  const propagationPolicy = policies[cascade];
  if (propagationPolicy === undefined)
    throw usageError(`invalid cascade value (${cascade}). Must be "background", "foreground", or "orphan"`);
  const gracePeriodSeconds = isForced ? 0 : grace === 0 ? 1 : grace;
  return {
    kind: 'DeleteOptions',
    apiVersion: 'v1',
    propagationPolicy,
    ...(gracePeriodSeconds < 0 ? {} : { gracePeriodSeconds }),
  };
}

async function placesOf(invocation: Invocation): Promise<NamedPlace[]> {
  const { session, flags, args } = invocation;
  if (flags.has('filename'))
    return (await locateManifests(session)).map(({ kind, namespace, name = '', source }) => ({
      kind,
      namespace,
      name,
      source,
    }));
  if (args.length === 0) throw usageError(nothingNamed);
  const isAll = flags.bool('all') || flags.has('selector') || flags.has('field-selector');
  const places: NamedPlace[] = [];
  for (const { kind, names } of await parseTargets(args, await session.kinds())) {
    if (names === undefined && !isAll)
      throw usageError('resource(s) were provided, but no name was specified');
    if (names !== undefined && isAll)
      throw usageError('name cannot be provided when a selector is specified');
    const namespace = await session.namespaceFor(kind, flags.bool('all-namespaces'));
    if (names === undefined) places.push(...(await listed(invocation, kind, namespace)));
    else for (const name of names) places.push({ kind, namespace, name });
  }
  return places;
}

async function listed(
  { session, flags }: Invocation,
  kind: KindInfo,
  namespace: string | undefined,
): Promise<NamedPlace[]> {
  const query = { labelSelector: flags.text('selector'), fieldSelector: flags.text('field-selector') };
  const list = await (await session.api()).get({ kind, namespace }, { query });
  return itemsOf(list).map(({ metadata }) => ({ kind, namespace: metadata.namespace, name: metadata.name }));
}

/** @returns the uid of what was deleted, to tell it from a successor of its name */
async function deleteOne(
  { session, flags }: Invocation,
  place: NamedPlace,
  body: Record<string, unknown>,
): Promise<string | undefined> {
  const dryRun = dryRunOf(flags, session.io);
  const api = await session.api();
  const query = { dryRun: dryRun === 'server' ? 'All' : undefined };
  const answer =
    dryRun === 'client' ? await api.get(place) : await api.send('DELETE', pathOf(place), { body, query });
  const name = `${qualifiedKind(place.kind)}`;
  const where = place.namespace === undefined ? '' : ` from ${place.namespace} namespace`;
  const done = body['gracePeriodSeconds'] === 0 ? 'force deleted' : 'deleted';
  if (flags.text('output') === 'name') session.io.out(`${name}/${place.name}\n`);
  else session.io.out(`${name} "${place.name}" ${done}${where}${dryRunSuffix(dryRun)}\n`);
  const details: { uid?: string } = Object(answer['details']);
  return answer.metadata?.uid ?? details.uid;
}

async function waitUntilGone(
  { session, flags }: Invocation,
  deleted: readonly { readonly place: NamedPlace; readonly uid: string | undefined }[],
): Promise<void> {
  const timeoutMs = flags.durationMs('timeout') ?? 0;
  const endMs = timeoutMs === 0 ? Number.POSITIVE_INFINITY : session.clock.monotonicMs() + timeoutMs;
  const api = await session.api();
  for (const { place, uid } of deleted) {
    for (;;) {
      try {
        const object = await api.get(place);
        if (uid !== undefined && object.metadata.uid !== uid) break;
      } catch (error) {
        if (isNotFound(error)) break;
        throw error;
      }
      if (session.clock.monotonicMs() > endMs)
        throw usageError(`timed out waiting for the condition on ${place.kind.plural}/${place.name}`);
      await session.pause(pollMs);
    }
  }
}
