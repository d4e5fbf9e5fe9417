import type { AnyObject } from '../../api/kind-info.ts';
import { StatusError } from '../../api/status-error.ts';
import { toAttributes } from '../admission/admission.ts';
import type { StorageDelete, StoragePut } from '../storage/storage.ts';
import type { CachedObject } from '../watch-cache/read-cache.ts';
import { type DeleteRequest, deleteObject, planDelete } from './delete.ts';
import { parseObject } from './object-source.ts';
import type { StoreDependencies } from './store-dependencies.ts';

/** Objects that one slice plans and writes before others get their turn. */
const sliceObjects = 100;

export type DeleteCollectionRequest = Omit<DeleteRequest, 'name' | 'namespace'>;

/** Deletes each of `objects`, in slices. One that is gone meanwhile is not an error. */
export async function deleteCollection(
  deps: StoreDependencies,
  request: DeleteCollectionRequest,
  objects: readonly CachedObject[],
): Promise<void> {
  for (let start = 0; start < objects.length; start += sliceObjects) {
    if (request.signal?.aborted === true) return;
    await deleteSlice(deps, request, objects.slice(start, start + sliceObjects));
    await new Promise<void>((resolve) => {
      deps.clock.setImmediate(resolve);
    });
  }
}

interface Planned {
  readonly cached: CachedObject;
  readonly object: AnyObject;
  readonly step: 'remove' | 'mark' | 'nothing';
}

async function deleteSlice(
  deps: StoreDependencies,
  request: DeleteCollectionRequest,
  objects: readonly CachedObject[],
): Promise<void> {
  const planned: Planned[] = [];
  for (const cached of objects) {
    const object = parseObject(cached.json);
    await admit(deps, request, cached, object);
    const plan = planDelete(object, request, deps.clock.nowMs());
    planned.push({ cached, object: plan.step === 'nothing' ? object : plan.object, step: plan.step });
  }
  if (request.dryRun) return;
  const lost = [...(await removeAll(deps, request, planned)), ...(await markAll(deps, planned))];
  for (const { namespace, name } of lost) await deleteAgain(deps, { ...request, namespace, name });
}

async function admit(
  deps: StoreDependencies,
  request: DeleteCollectionRequest,
  cached: CachedObject,
  previous: AnyObject,
): Promise<void> {
  const attributes = toAttributes({
    ...{ operation: 'DELETE', strategy: request.strategy, user: request.user },
    ...{ namespace: cached.namespace, name: cached.name, subresource: '', dryRun: request.dryRun },
    ...{ object: undefined, previous },
  });
  await deps.admission.mutate(attributes);
  await deps.admission.validate(attributes);
}

/** Gives those that another write came before. */
async function removeAll(
  deps: StoreDependencies,
  request: DeleteCollectionRequest,
  planned: readonly Planned[],
): Promise<CachedObject[]> {
  const removed = planned.filter(({ step }) => step === 'remove');
  const reserver = deps.reservers.get(request.strategy.resource);
  const deletes = removed.map(({ cached }): StorageDelete => ({ key: cached.key, expected: cached.version }));
  const releases = removed.flatMap(({ object }) => reserver?.releasesOf(object) ?? []);
  if (deletes.length === 0) return [];
  const results = await deps.storage.delete(deletes);
  if (releases.length > 0) await deps.storage.delete(releases);
  return removed.filter((_, at) => isLost(results[at])).map(({ cached }) => cached);
}

async function markAll(deps: StoreDependencies, planned: readonly Planned[]): Promise<CachedObject[]> {
  const marked = planned.filter(({ step }) => step === 'mark');
  if (marked.length === 0) return [];
  const puts = marked.map(
    ({ cached, object }): StoragePut => ({ type: 'put', key: cached.key, object, expected: cached.version }),
  );
  const results = await deps.storage.commitEach(puts);
  return marked.filter((_, at) => isLost(results[at])).map(({ cached }) => cached);
}

const isLost = (result: object | undefined): boolean => result !== undefined && 'conflict' in result;

async function deleteAgain(deps: StoreDependencies, request: DeleteRequest): Promise<void> {
  try {
    await deleteObject(deps, request);
  } catch (error) {
    // 404: somebody else deleted it, which is what we want.
    if (!(error instanceof StatusError) || error.code !== 404) throw error;
  }
}
