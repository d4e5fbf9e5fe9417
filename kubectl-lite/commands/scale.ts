import type { KindInfo } from '../../api/kind-info.ts';
import type { Place } from '../api.ts';
import { describeFailure, usageError } from '../cli-error.ts';
import {
  type Command,
  dryRunFlag,
  fileFlags,
  type Invocation,
  outputFlag,
  selectorFlag,
} from '../command.ts';
import { dryRunOf } from '../dry-run.ts';
import { locateManifests } from '../located.ts';
import { itemsOf } from '../printers/objects.ts';
import { report } from '../report.ts';
import { parseTargets } from '../targets.ts';

export const scaleCommand: Command = {
  name: 'scale',
  usage: 'scale [--current-replicas=count] --replicas=COUNT (-f FILENAME | TYPE NAME)',
  summary: 'Set a new size for a deployment, replica set, or replication controller',
  flags: [
    ...fileFlags,
    selectorFlag,
    outputFlag,
    dryRunFlag,
    { name: 'replicas', kind: 'text', help: 'The new number of replicas' },
    { name: 'current-replicas', kind: 'text', fallback: '-1', help: 'Only when it has this many' },
    { name: 'all', kind: 'boolean', help: 'All objects of the kind' },
  ],
  async run(invocation) {
    const { session, flags } = invocation;
    const replicas = flags.number('replicas');
    if (replicas === undefined) throw usageError('required flag(s) "replicas" not set');
    if (replicas < 0)
      throw usageError('The --replicas=COUNT flag is required, and COUNT must be greater than or equal to 0');
    const failures: string[] = [];
    for (const place of await placesOf(invocation)) {
      try {
        await scaleOne(invocation, place, replicas);
      } catch (error) {
        failures.push(describeFailure(error));
      }
    }
    if (failures.length > 0) session.io.err(`${failures.join('\n')}\n`);
    return failures.length > 0 ? 1 : undefined;
  },
};

type NamedPlace = Place & { readonly kind: KindInfo };

async function placesOf({ session, flags, args }: Invocation): Promise<NamedPlace[]> {
  if (flags.has('filename')) return locateManifests(session);
  const places: NamedPlace[] = [];
  for (const { kind, names } of await parseTargets(args, await session.kinds())) {
    const namespace = await session.namespaceFor(kind);
    if (names !== undefined) places.push(...names.map((name) => ({ kind, namespace, name })));
    else if (flags.bool('all') || flags.has('selector')) {
      const query = { labelSelector: flags.text('selector') };
      const list = await (await session.api()).get({ kind, namespace }, { query });
      places.push(...itemsOf(list).map(({ metadata }) => ({ kind, namespace, name: metadata.name })));
    }
  }
  if (places.length === 0) throw usageError('no objects passed to scale');
  return places;
}

async function scaleOne({ session, flags }: Invocation, place: NamedPlace, replicas: number): Promise<void> {
  const api = await session.api();
  const dryRun = dryRunOf(flags, session.io);
  const scalePlace = { ...place, subresource: 'scale' };
  const expected = flags.number('current-replicas') ?? -1;
  if (expected >= 0 || dryRun === 'client') {
    const scale = await api.get(scalePlace);
    const spec: { replicas?: number } = Object(scale['spec']);
    if (expected >= 0 && (spec.replicas ?? 0) !== expected)
      throw usageError(`Expected replicas to be ${expected}, was ${spec.replicas ?? 0}`);
  }
  if (dryRun !== 'client') {
    const query = { dryRun: dryRun === 'server' ? 'All' : undefined };
    await api.patch(scalePlace, 'merge-patch', { spec: { replicas } }, query);
  }
  await report(session, place.kind, await api.get(place), 'scaled', dryRun);
}
