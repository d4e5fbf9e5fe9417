import type { Lease } from '../../api/generated/coordination-v1.ts';
import type { Event } from '../../api/generated/core-v1.ts';
import type { AnyObject, KindInfo } from '../../api/kind-info.ts';
import { isNotFound } from '../../api/status-error.ts';
import { CliError, describeFailure } from '../cli-error.ts';
import { allNamespacesFlag, type Command, fileFlags, type Invocation, selectorFlag } from '../command.ts';
import { describeEvents } from '../describe/events.ts';
import { Outline } from '../describe/outline.ts';
import { describerOf, type Related } from '../describe/registry.ts';
import { locateManifests } from '../located.ts';
import { selectorOf } from '../pod-choice.ts';
import { itemsOf } from '../printers/objects.ts';
import { parseTargets } from '../targets.ts';

export const describeCommand: Command = {
  name: 'describe',
  usage: 'describe (-f FILENAME | TYPE [NAME_PREFIX | -l label] | TYPE/NAME)',
  summary: 'Show details of a specific resource or group of resources',
  flags: [
    ...fileFlags,
    selectorFlag,
    allNamespacesFlag,
    { name: 'show-events', kind: 'boolean', fallback: 'true', help: 'With the events of each object' },
  ],
  async run(invocation) {
    const { session } = invocation;
    const { objects, failures, namespace } = await objectsOf(invocation);
    const texts: string[] = [];
    for (const { kind, object } of objects) texts.push(await describeOne(invocation, kind, object));
    session.io.out(texts.join('\n\n'));
    if (objects.length === 0 && failures.length === 0)
      session.io.err(`No resources found${namespace === undefined ? '' : ` in ${namespace} namespace.`}\n`);
    if (failures.length > 0) session.io.err(`${failures.join('\n')}\n`);
    return failures.length > 0 ? 1 : undefined;
  },
};

interface Found {
  readonly kind: KindInfo;
  readonly object: AnyObject;
}

interface Sought {
  readonly objects: Found[];
  readonly failures: string[];
  /** Where they were looked for; undefined: everywhere. */
  readonly namespace: string | undefined;
}

async function objectsOf(invocation: Invocation): Promise<Sought> {
  const { session, flags, args } = invocation;
  const api = await session.api();
  const objects: Found[] = [];
  const failures: string[] = [];
  let searched: string | undefined;
  if (flags.has('filename'))
    for (const item of await locateManifests(session))
      objects.push({ kind: item.kind, object: await api.get(item) });
  else if (args.length === 0)
    throw new CliError(
      'error: You must specify the type of resource to describe. Use "kubectl-lite api-resources" for a complete list of supported resources.',
    );
  else
    for (const { kind, names } of await parseTargets(args, await session.kinds())) {
      const namespace = await session.namespaceFor(kind, flags.bool('all-namespaces'));
      searched = namespace;
      if (names === undefined) objects.push(...(await listed(invocation, kind, namespace)));
      for (const name of names ?? []) {
        try {
          objects.push(...(await namedOrPrefixed(invocation, kind, namespace, name)));
        } catch (error) {
          failures.push(describeFailure(error));
        }
      }
    }
  return { objects, failures, namespace: searched };
}

async function listed(
  { session, flags }: Invocation,
  kind: KindInfo,
  namespace: string | undefined,
): Promise<Found[]> {
  const query = { labelSelector: flags.text('selector') };
  const list = await (await session.api()).get({ kind, namespace }, { query });
  return itemsOf(list).map((object) => ({ kind, object }));
}

/** The object of this name, else all whose names begin with it. */
async function namedOrPrefixed(
  invocation: Invocation,
  kind: KindInfo,
  namespace: string | undefined,
  name: string,
): Promise<Found[]> {
  const api = await invocation.session.api();
  try {
    return [{ kind, object: await api.get({ kind, namespace, name }) }];
  } catch (error) {
    if (!isNotFound(error)) throw error;
    const all = await listed(invocation, kind, namespace);
    const found = all.filter(({ object }) => object.metadata.name.startsWith(name));
    if (found.length === 0) throw error;
    return found;
  }
}

async function describeOne(invocation: Invocation, kind: KindInfo, object: AnyObject): Promise<string> {
  const { session, flags } = invocation;
  const outline = new Outline();
  const complete: AnyObject = { ...object, kind: object.kind ?? kind.kind };
  describerOf(kind.kind)(outline, complete, await relatedTo(invocation, complete));
  // As kubectl, which shows these two without their events.
  if (flags.bool('show-events') && kind.kind !== 'Namespace' && kind.kind !== 'Secret')
    describeEvents(outline, await eventsOf(invocation, kind, object), session.clock.nowMs());
  return outline.text;
}

async function relatedTo({ session }: Invocation, object: AnyObject): Promise<Related> {
  const { name, namespace } = object.metadata;
  const api = await session.api();
  const kinds = await session.kinds();
  const list = async (
    plural: string,
    place: string | undefined,
    query: Record<string, string>,
  ): Promise<AnyObject[]> =>
    itemsOf(await api.get({ kind: await kinds.byName(plural), namespace: place }, { query }));
  const leaseOf = async (node: string): Promise<(AnyObject & Lease) | undefined> => {
    const place = { kind: await kinds.byName('leases'), namespace: 'kube-node-lease', name: node };
    try {
      return (await api.get(place)) as AnyObject & Lease;
    } catch (error) {
      // A node that never sent a heartbeat.
      if (isNotFound(error)) return undefined;
      throw error;
    }
  };
  const labelSelector = selectorOf(object) ?? '';
  const isWorkload = object.kind === 'Deployment' || object.kind === 'ReplicaSet';
  return {
    nowMs: session.clock.nowMs(),
    pods:
      object.kind === 'Node'
        ? await list('pods', undefined, { fieldSelector: `spec.nodeName=${name}` })
        : isWorkload
          ? await list('pods', namespace, { labelSelector })
          : [],
    slices:
      object.kind === 'Service'
        ? await list('endpointslices', namespace, { labelSelector: `kubernetes.io/service-name=${name}` })
        : [],
    lease: object.kind === 'Node' ? await leaseOf(name) : undefined,
    quotas: object.kind === 'Namespace' ? await list('resourcequotas', name, {}) : [],
    limitRanges: object.kind === 'Namespace' ? await list('limitranges', name, {}) : [],
    replicaSets: object.kind === 'Deployment' ? await list('replicasets', namespace, { labelSelector }) : [],
  };
}

async function eventsOf({ session }: Invocation, kind: KindInfo, object: AnyObject): Promise<Event[]> {
  const { name, namespace, uid } = object.metadata;
  const events = await (await session.kinds()).byName('events');
  // Events of a node are about its name: nobody knew its uid when the first ones were written.
  const about = kind.namespaced ? [`involvedObject.uid=${uid}`] : [`involvedObject.kind=${kind.kind}`];
  const fieldSelector = [`involvedObject.name=${name}`, ...about].join(',');
  const list = await (await session.api()).get({ kind: events, namespace }, { query: { fieldSelector } });
  return itemsOf(list) as (AnyObject & Event)[];
}
