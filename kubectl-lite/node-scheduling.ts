import type { AnyObject } from '../api/kind-info.ts';
import type { DryRun } from './dry-run.ts';
import { itemsOf } from './printers/objects.ts';
import type { Session } from './session.ts';

/** Nodes by name (`host-1` or `node/host-1`), or by label. */
export async function nodesOf(
  session: Session,
  names: readonly string[],
  labelSelector: string | undefined,
): Promise<AnyObject[]> {
  const api = await session.api();
  const kind = await (await session.kinds()).byName('nodes');
  if (names.length === 0) return itemsOf(await api.get({ kind }, { query: { labelSelector } }));
  const nodes: AnyObject[] = [];
  for (const name of names) nodes.push(await api.get({ kind, name: name.replace(/^nodes?\//, '') }));
  return nodes;
}

/** @returns whether anything had to change */
export async function setUnschedulable(
  session: Session,
  node: AnyObject,
  unschedulable: boolean,
  dryRun: DryRun,
): Promise<boolean> {
  const spec: { unschedulable?: boolean } = Object(node['spec']);
  if ((spec.unschedulable ?? false) === unschedulable) return false;
  if (dryRun === 'client') return true;
  const kind = await (await session.kinds()).byName('nodes');
  const patch = { spec: { unschedulable: unschedulable ? true : null } };
  const query = { dryRun: dryRun === 'server' ? 'All' : undefined };
  await (await session.api()).patch(
    { kind, name: node.metadata.name },
    'strategic-merge-patch',
    patch,
    query,
  );
  return true;
}
