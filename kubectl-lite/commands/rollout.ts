import type { KindInfo } from '../../api/kind-info.ts';
import { toTime } from '../../base/clock.ts';
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
import { qualifiedKind } from '../kind-table.ts';
import { locateManifests } from '../located.ts';
import { itemsOf } from '../printers/objects.ts';
import { report } from '../report.ts';
import { printHistory, undoDeployment } from '../rollout/revisions.ts';
import { rolloutStatusOf } from '../rollout/status.ts';
import { parseTargets } from '../targets.ts';

const pollMs = 100;

export const rolloutCommand: Command = {
  name: 'rollout',
  usage: 'rollout (status | history | undo | restart | pause | resume) (TYPE NAME | TYPE/NAME)',
  summary: 'Manage the rollout of a resource',
  flags: [
    ...fileFlags,
    selectorFlag,
    outputFlag,
    dryRunFlag,
    { name: 'watch', short: 'w', kind: 'boolean', fallback: 'true', help: 'Wait until the rollout is done' },
    { name: 'timeout', kind: 'text', fallback: '0s', help: 'How long to wait' },
    { name: 'revision', kind: 'text', fallback: '0', help: 'A revision of the history' },
    { name: 'to-revision', kind: 'text', fallback: '0', help: 'The revision to go back to' },
  ],
  async run(invocation) {
    const [verb = '', ...args] = invocation.args;
    const action = actions[verb];
    if (verb === '') {
      invocation.session.io.out(
        `${rolloutCommand.summary}.\n\nUsage:\n  kubectl-lite ${rolloutCommand.usage}\n`,
      );
      return 1;
    }
    if (action === undefined)
      throw usageError(`unknown command "${verb}"\nSee 'kubectl-lite rollout -h' for help and examples`);
    const places = await placesOf({ ...invocation, args });
    const failures: string[] = [];
    for (const place of places) {
      try {
        await action(invocation, place);
      } catch (error) {
        failures.push(describeFailure(error));
      }
    }
    if (failures.length > 0) invocation.session.io.err(`${failures.join('\n')}\n`);
    return failures.length > 0 ? 1 : undefined;
  },
};

interface NamedPlace {
  readonly kind: KindInfo;
  readonly namespace: string | undefined;
  readonly name: string;
}

type Action = (invocation: Invocation, place: NamedPlace) => Promise<void>;

const actions: Readonly<Record<string, Action>> = {
  status: awaitRollout,
  restart,
  pause: (invocation, place) => setPaused(invocation, place, true),
  resume: (invocation, place) => setPaused(invocation, place, false),
  undo: ({ session, flags }, place) =>
    undoDeployment(session, place, flags.number('to-revision') ?? 0, dryRunOf(flags, session.io)),
  history: ({ session, flags }, place) => printHistory(session, place, flags.number('revision') ?? 0),
};

async function placesOf({ session, flags, args }: Invocation): Promise<NamedPlace[]> {
  if (flags.has('filename'))
    return (await locateManifests(session)).map(({ kind, namespace, name = '' }) => ({
      kind,
      namespace,
      name,
    }));
  if (args.length === 0) throw usageError('required resource not specified');
  const places: NamedPlace[] = [];
  for (const { kind, names } of await parseTargets(args, await session.kinds())) {
    const namespace = await session.namespaceFor(kind);
    if (names !== undefined) {
      places.push(...names.map((name) => ({ kind, namespace, name })));
      continue;
    }
    const query = { labelSelector: flags.text('selector') };
    const list = await (await session.api()).get({ kind, namespace }, { query });
    places.push(...itemsOf(list).map(({ metadata }) => ({ kind, namespace, name: metadata.name })));
  }
  return places;
}

async function awaitRollout({ session, flags }: Invocation, place: NamedPlace): Promise<void> {
  const api = await session.api();
  const timeoutMs = flags.durationMs('timeout') ?? 0;
  const endMs = timeoutMs === 0 ? Number.POSITIVE_INFINITY : session.clock.monotonicMs() + timeoutMs;
  let said = '';
  for (;;) {
    const status = rolloutStatusOf(place.kind, await api.get(place));
    if (status.text !== said) session.io.out(status.text);
    said = status.text;
    if (status.isDone || !flags.bool('watch')) return;
    if (session.clock.monotonicMs() > endMs) throw usageError('timed out waiting for the condition');
    await session.pause(pollMs);
  }
}

function refuseKind(kind: KindInfo, verb: string, ...allowed: readonly string[]): void {
  if (!allowed.includes(kind.kind))
    throw usageError(`${kind.plural} "${kind.plural}" ${verb} is not supported`);
}

async function restart({ session, flags }: Invocation, place: NamedPlace): Promise<void> {
  refuseKind(place.kind, 'restarting', 'Deployment', 'DaemonSet', 'StatefulSet');
  const api = await session.api();
  const current = await api.get(place);
  const spec: { paused?: boolean } = Object(current['spec']);
  if (spec.paused === true)
    throw usageError(
      `${qualifiedKind(place.kind).replace(/^(\w+)/, '$1s')} "${place.name}" can't restart paused deployment (run rollout resume first)`,
    );
  const annotations = { 'kubectl.kubernetes.io/restartedAt': toTime(session.clock.nowMs()) };
  const patch = { spec: { template: { metadata: { annotations } } } };
  const dryRun = dryRunOf(flags, session.io);
  const query = { dryRun: dryRun === 'server' ? 'All' : undefined, fieldManager: 'kubectl-rollout' };
  const after = dryRun === 'client' ? current : await api.patch(place, 'strategic-merge-patch', patch, query);
  await report(session, place.kind, after, 'restarted', dryRun);
}

async function setPaused({ session, flags }: Invocation, place: NamedPlace, paused: boolean): Promise<void> {
  refuseKind(place.kind, paused ? 'pausing' : 'resuming', 'Deployment');
  const api = await session.api();
  const current = await api.get(place);
  const spec: { paused?: boolean } = Object(current['spec']);
  if ((spec.paused ?? false) === paused) {
    const resource = `${place.kind.plural}${place.kind.group === '' ? '' : `.${place.kind.group}`}`;
    throw usageError(`${resource} "${place.name}" ${paused ? 'is already paused' : 'is not paused'}`);
  }
  const dryRun = dryRunOf(flags, session.io);
  const patch = { spec: { paused: paused ? true : null } };
  const query = { dryRun: dryRun === 'server' ? 'All' : undefined, fieldManager: 'kubectl-rollout' };
  const after = dryRun === 'client' ? current : await api.patch(place, 'strategic-merge-patch', patch, query);
  await report(session, place.kind, after, paused ? 'paused' : 'resumed', dryRun);
}
