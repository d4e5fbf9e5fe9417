import type { AnyObject } from '../../api/kind-info.ts';
import { isConflict, isNotFound, StatusError } from '../../api/status-error.ts';
import { pathOf } from '../api.ts';
import { lastAppliedOf, withLastApplied } from '../apply/last-applied.ts';
import { describeFailure, usageError } from '../cli-error.ts';
import {
  type Command,
  dryRunFlag,
  fileFlags,
  type Invocation,
  outputFlag,
  selectorFlag,
} from '../command.ts';
import { type DryRun, dryRunOf } from '../dry-run.ts';
import { type Located, locateManifests } from '../located.ts';
import { report, writeQueryOf } from '../report.ts';

/** Somebody else writes at the same time: this often the object is read and the patch made again. */
const maxConflicts = 5;

export const applyCommand: Command = {
  name: 'apply',
  usage: 'apply -f FILENAME',
  summary: 'Apply a configuration to a resource by file name or stdin',
  flags: [
    ...fileFlags,
    selectorFlag,
    outputFlag,
    dryRunFlag,
    { name: 'server-side', kind: 'boolean', help: 'Let the server merge' },
    { name: 'force-conflicts', kind: 'boolean', help: 'Take fields from other managers, with --server-side' },
    { name: 'field-manager', kind: 'text', help: 'Name of the manager of the fields' },
    { name: 'validate', kind: 'text', fallback: 'strict', bare: 'strict', help: 'strict, warn or ignore' },
    { name: 'overwrite', kind: 'boolean', fallback: 'true', help: 'Resolve conflicts in favour of the file' },
    { name: 'openapi-patch', kind: 'boolean', fallback: 'true', help: 'Accepted, without effect' },
  ],
  async run(invocation) {
    const { session, flags } = invocation;
    if (flags.list('filename').length === 0) throw usageError('must specify one of -f and -k');
    const dryRun = dryRunOf(flags, session.io);
    const failures: string[] = [];
    for (const item of await locateManifests(session)) {
      try {
        if (flags.bool('server-side')) await applyOnServer(invocation, item, dryRun);
        else await applyHere(invocation, item, dryRun);
      } catch (error) {
        failures.push(failureOf(item, error));
      }
    }
    if (failures.length === 0) return undefined;
    session.io.err(`${failures.join('\n')}\n`);
    return 1;
  },
};

function failureOf(item: Located, error: unknown): string {
  const isInvalid = error instanceof StatusError && error.reason === 'Invalid';
  const isToldAlready = error instanceof StatusError && error.message.startsWith('error when creating ');
  return describeFailure(
    error,
    isInvalid || isToldAlready ? undefined : `error when applying "${item.source}"`,
  );
}

async function applyOnServer({ session, flags }: Invocation, item: Located, dryRun: DryRun): Promise<void> {
  const api = await session.api();
  const query = {
    ...writeQueryOf(session, dryRun, 'kubectl'),
    force: flags.bool('force-conflicts'),
  };
  const applied = await api.send('PATCH', pathOf(item), {
    body: item.object,
    contentType: 'application/apply-patch+yaml',
    query,
  });
  await report(session, item.kind, applied, 'serverside-applied', dryRun);
}

async function applyHere(invocation: Invocation, item: Located, dryRun: DryRun): Promise<void> {
  const { session } = invocation;
  const api = await session.api();
  const wanted = withLastApplied(item.object);
  if (item.name === undefined)
    throw usageError(`error validating "${item.source}": resource name may not be empty`);
  const current = await currentOf(invocation, item);
  if (current === undefined) {
    const query = writeQueryOf(session, dryRun, 'kubectl-client-side-apply');
    const place = { kind: item.kind, namespace: item.namespace };
    const created = dryRun === 'client' ? wanted : await create(() => api.create(place, wanted, query), item);
    return report(session, item.kind, created, 'created', dryRun);
  }
  if (lastAppliedOf(current) === undefined) session.io.err(missingAnnotation(item));
  await patchUntilSettled(invocation, item, wanted, current, dryRun);
}

async function create(write: () => Promise<AnyObject>, item: Located): Promise<AnyObject> {
  try {
    return await write();
  } catch (error) {
    if (error instanceof StatusError && error.reason !== 'Invalid') throw usageCreating(error, item);
    throw error;
  }
}

function usageCreating(error: StatusError, item: Located): StatusError {
  return new StatusError({
    reason: error.reason,
    code: error.code,
    message: `error when creating "${item.source}": ${error.message}`,
    cause: error,
  });
}

async function currentOf({ session }: Invocation, item: Located): Promise<AnyObject | undefined> {
  try {
    return await (await session.api()).get(item);
  } catch (error) {
    // Not there yet: it is created.
    if (isNotFound(error)) return undefined;
    throw error;
  }
}

function missingAnnotation(item: Located): string {
  const { kind, name } = item;
  return `Warning: resource ${kind.plural}/${name} is missing the kubectl.kubernetes.io/last-applied-configuration annotation which is required by kubectl apply. kubectl apply should only be used on resources created declaratively by either kubectl create --save-config or kubectl apply. The missing annotation will be patched automatically.\n`;
}

async function patchUntilSettled(
  invocation: Invocation,
  item: Located,
  wanted: AnyObject,
  first: AnyObject,
  dryRun: DryRun,
): Promise<void> {
  const { session } = invocation;
  const api = await session.api();
  // With its facts about every kind it is a fifth of the program: loaded when there is something to merge.
  const { planMergePatch, planStrategicPatch } = await import('../apply/three-way.ts');
  let current = first;
  for (let attempt = 0; ; attempt += 1) {
    const original = lastAppliedOf(current) ?? {};
    const isKnown = item.kind.schema !== '';
    const patch = isKnown
      ? planStrategicPatch(original, wanted, current, item.kind.schema)
      : planMergePatch(original, wanted, current);
    if (Object.keys(patch).length === 0) return report(session, item.kind, current, 'unchanged', dryRun);
    if (dryRun === 'client') return report(session, item.kind, wanted, 'configured', dryRun);
    try {
      const query = writeQueryOf(session, dryRun, 'kubectl-client-side-apply');
      const patched = await api.patch(item, isKnown ? 'strategic-merge-patch' : 'merge-patch', patch, query);
      const isSame = patched.metadata.resourceVersion === current.metadata.resourceVersion;
      return report(session, item.kind, patched, isSame ? 'unchanged' : 'configured', dryRun);
    } catch (error) {
      if (!isConflict(error) || attempt >= maxConflicts) throw error;
      current = await api.get(item);
    }
  }
}
