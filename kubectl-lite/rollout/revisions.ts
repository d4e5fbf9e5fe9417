import { isDeepStrictEqual } from 'node:util';
import type { Deployment, ReplicaSet } from '../../api/generated/apps-v1.ts';
import type { AnyObject, KindInfo } from '../../api/kind-info.ts';
import { usageError } from '../cli-error.ts';
import type { DryRun } from '../dry-run.ts';
import { qualifiedKind } from '../kind-table.ts';
import { selectorOf } from '../pod-choice.ts';
import { itemsOf } from '../printers/objects.ts';
import { report } from '../report.ts';
import type { Session } from '../session.ts';

const revisionAnnotation = 'deployment.kubernetes.io/revision';
const causeAnnotation = 'kubernetes.io/change-cause';
const hashLabel = 'pod-template-hash';

interface NamedPlace {
  readonly kind: KindInfo;
  readonly namespace: string | undefined;
  readonly name: string;
}

/** The replica sets of a deployment by revision, the oldest first. */
async function revisionsOf(
  session: Session,
  place: NamedPlace,
): Promise<{
  readonly deployment: AnyObject & Deployment;
  readonly sets: ReadonlyMap<bigint, ReplicaSet>;
}> {
  if (place.kind.kind !== 'Deployment')
    throw usageError(`no history viewer has been implemented for ${place.kind.kind}`);
  const api = await session.api();
  const deployment = (await api.get(place)) as AnyObject & Deployment;
  const kind = await (await session.kinds()).byName('replicasets');
  const query = { labelSelector: selectorOf(deployment) };
  const list = itemsOf(await api.get({ kind, namespace: place.namespace }, { query })) as (AnyObject &
    ReplicaSet)[];
  const owned = list.filter(({ metadata }) =>
    metadata.ownerReferences?.some((owner) => owner.uid === deployment.metadata.uid),
  );
  const byRevision = owned
    .map((set) => [revisionOf(set), set] as const)
    .sort(([a], [b]) => Number(a > b) - Number(a < b));
  return { deployment, sets: new Map(byRevision) };
}

/** An integer of 64 bits, more than a double holds. */
function revisionOf({ metadata }: ReplicaSet): bigint {
  const text = metadata.annotations?.[revisionAnnotation] ?? '';
  return /^\d+$/.test(text) ? BigInt(text) : 0n;
}

export async function printHistory(session: Session, place: NamedPlace, revision: number): Promise<void> {
  const { sets } = await revisionsOf(session, place);
  const title = `${qualifiedKind(place.kind)}/${place.name}`;
  if (sets.size === 0) {
    session.io.out(`${title} \nNo rollout history found.\n`);
    return;
  }
  if (revision === 0) {
    // Narrower gaps than in a table of `get`.
    const line = (number: string, cause: string): string => `${number.padEnd('REVISION  '.length)}${cause}\n`;
    const rows = [...sets].map(([number, set]) =>
      line(String(number), set.metadata.annotations?.[causeAnnotation] ?? '<none>'),
    );
    session.io.out(`${title} \n${line('REVISION', 'CHANGE-CAUSE')}${rows.join('')}\n`);
    return;
  }
  const set = sets.get(BigInt(revision));
  if (set === undefined) throw usageError(`unable to find the specified revision`);
  const template = set.spec?.template;
  const labels = Object.entries(template?.metadata?.labels ?? {}).map(([key, value]) => `${key}=${value}`);
  const containers = (template?.spec?.containers ?? []).map(
    ({ name, image }) => `   ${name}:\n    Image:\t${image}`,
  );
  session.io.out(
    `${title} with revision #${revision}\nPod Template:\n  Labels:\t${labels.join('\n\t')}\n  Containers:\n${containers.join('\n')}\n\n`,
  );
}

export async function undoDeployment(
  session: Session,
  place: NamedPlace,
  toRevision: number,
  dryRun: DryRun,
): Promise<void> {
  const { deployment, sets } = await revisionsOf(session, place);
  if (deployment.spec?.paused === true)
    throw usageError(
      `skipped rollback (deployment "${place.name}" is paused; run "kubectl rollout resume deployment/${place.name}" first)`,
    );
  const revisions = [...sets.keys()].filter((revision) => revision > 0n);
  const wanted = toRevision === 0 ? revisions.at(-2) : BigInt(toRevision);
  const set = wanted === undefined ? undefined : sets.get(wanted);
  if (set === undefined)
    throw usageError(
      toRevision === 0
        ? `no rollout history found for deployment "${place.name}"`
        : `unable to find specified revision ${toRevision} in history`,
    );
  const template = withoutHash(set.spec?.template);
  if (isDeepStrictEqual(template, withoutHash(deployment.spec?.template))) {
    session.io.out(
      `${qualifiedKind(place.kind)}/${place.name} skipped rollback (current template already matches revision ${wanted})\n`,
    );
    return;
  }
  const patch = [{ op: 'replace', path: '/spec/template', value: template }];
  const query = { dryRun: dryRun === 'server' ? 'All' : undefined };
  const api = await session.api();
  const after = dryRun === 'client' ? deployment : await api.patch(place, 'json-patch', patch, query);
  await report(session, place.kind, after, 'rolled back', dryRun);
}

function withoutHash(template: NonNullable<ReplicaSet['spec']>['template'] | undefined): unknown {
  const { [hashLabel]: _, ...labels } = template?.metadata?.labels ?? {};
  return { ...template, metadata: { ...template?.metadata, labels } };
}
