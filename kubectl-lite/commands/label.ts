import type { AnyObject } from '../../api/kind-info.ts';
import { describeFailure, usageError } from '../cli-error.ts';
import {
  allNamespacesFlag,
  type Command,
  dryRunFlag,
  fileFlags,
  type Invocation,
  outputFlag,
  selectorFlag,
} from '../command.ts';
import { dryRunOf } from '../dry-run.ts';
import { type NamedPlace, namedPlaces } from '../named-places.ts';
import { report } from '../report.ts';

interface Wording {
  readonly field: 'labels' | 'annotations';
  readonly noun: string;
  readonly done: string;
  readonly removed: string;
}

const labelWording: Wording = { field: 'labels', noun: 'label', done: 'labeled', removed: 'unlabeled' };
const annotateWording: Wording = {
  field: 'annotations',
  noun: 'annotation',
  done: 'annotated',
  removed: 'annotated',
};

export const labelCommand: Command = metadataCommand(
  'label',
  'Update the labels on a resource',
  labelWording,
);
export const annotateCommand: Command = metadataCommand(
  'annotate',
  'Update the annotations on a resource',
  annotateWording,
);

function metadataCommand(name: string, summary: string, wording: Wording): Command {
  return {
    name,
    usage: `${name} [--overwrite] (-f FILENAME | TYPE NAME) KEY_1=VAL_1 ... KEY_N=VAL_N`,
    summary,
    flags: [
      ...fileFlags,
      selectorFlag,
      allNamespacesFlag,
      outputFlag,
      dryRunFlag,
      { name: 'overwrite', kind: 'boolean', help: 'Replace a value that is there' },
      { name: 'all', kind: 'boolean', help: 'All objects of the kind' },
      { name: 'list', kind: 'boolean', help: 'Show what is there' },
    ],
    run: (invocation) => changeMetadata(invocation, wording),
  };
}

interface Changes {
  readonly set: ReadonlyMap<string, string>;
  readonly remove: readonly string[];
}

async function changeMetadata(invocation: Invocation, wording: Wording): Promise<number | undefined> {
  const { session, flags, args } = invocation;
  const isChange = (arg: string): boolean => /^[^=]+=/.test(arg) || (arg.endsWith('-') && arg.length > 1);
  const resources = args.filter((arg) => !isChange(arg));
  const changes = toChanges(args.filter(isChange));
  if (resources.length === 0 && !flags.has('filename'))
    throw usageError('one or more resources must be specified as <resource> <name> or <resource>/<name>');
  if (changes.set.size + changes.remove.length === 0 && !flags.bool('list'))
    throw usageError(`at least one ${wording.noun} update is required`);
  const failures: string[] = [];
  for (const place of await namedPlaces(invocation, resources, true)) {
    try {
      await changeOne(invocation, place, changes, wording);
    } catch (error) {
      failures.push(describeFailure(error));
    }
  }
  if (failures.length > 0) session.io.err(`${failures.join('\n')}\n`);
  return failures.length > 0 ? 1 : undefined;
}

function toChanges(words: readonly string[]): Changes {
  const set = new Map<string, string>();
  const remove: string[] = [];
  for (const word of words) {
    const equals = word.indexOf('=');
    if (equals > 0) set.set(word.slice(0, equals), word.slice(equals + 1));
    else remove.push(word.slice(0, -1));
  }
  const both = remove.find((key) => set.has(key));
  if (both !== undefined) throw usageError(`can not both modify and remove a label in the same command`);
  return { set, remove };
}

async function changeOne(
  { session, flags }: Invocation,
  place: NamedPlace,
  changes: Changes,
  wording: Wording,
): Promise<void> {
  const api = await session.api();
  const before = await api.get(place);
  const present = before.metadata[wording.field] ?? {};
  if (flags.bool('list')) {
    session.io.out(
      Object.entries(present)
        .map(([key, value]) => `${key}=${value}\n`)
        .join(''),
    );
    return;
  }
  if (!flags.bool('overwrite')) refuseOverwrites(present, changes, wording);
  for (const key of changes.remove)
    if (present[key] === undefined) session.io.out(`${wording.noun} "${key}" not found.\n`);
  const dryRun = dryRunOf(flags, session.io);
  const patch = {
    metadata: {
      [wording.field]: {
        ...Object.fromEntries(changes.set),
        ...Object.fromEntries(changes.remove.map((key) => [key, null])),
      },
    },
  };
  const query = { dryRun: dryRun === 'server' ? 'All' : undefined, fieldManager: `kubectl-${wording.noun}` };
  const after = dryRun === 'client' ? before : await api.patch(place, 'merge-patch', patch, query);
  await report(session, place.kind, after, doneOf(before, after, changes, wording), dryRun);
}

function refuseOverwrites(
  present: Readonly<Record<string, string>>,
  changes: Changes,
  wording: Wording,
): void {
  const clashes = [...changes.set].filter(
    ([key, value]) => present[key] !== undefined && present[key] !== value,
  );
  if (clashes.length === 0) return;
  if (wording.field === 'annotations') {
    const [key] = clashes[0] ?? [''];
    throw usageError(
      `--overwrite is false but found the following declared annotation(s): '${key}' already has a value (${present[key]})`,
    );
  }
  throw usageError(
    clashes
      .map(([key]) => `'${key}' already has a value (${present[key]}), and --overwrite is false`)
      .join('\nerror: '),
  );
}

function doneOf(before: AnyObject, after: AnyObject, changes: Changes, wording: Wording): string {
  if (wording.field === 'annotations') return wording.done;
  if (before.metadata.resourceVersion === after.metadata.resourceVersion) return `not ${wording.done}`;
  return changes.set.size === 0 ? wording.removed : wording.done;
}
