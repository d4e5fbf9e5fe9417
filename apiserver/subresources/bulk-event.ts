import type { AnyObject, KindInfo } from '../../api/kind-info.ts';
import { everything } from '../../api/selector.ts';
import { badRequest, StatusError } from '../../api/status-error.ts';
import { type Attributes, deniedError } from '../authorization/authorizer.ts';
import { type ApiRequest, fieldManagerOf } from '../http/api-request.ts';
import { readBody } from '../http/body.ts';
import type { VirtualHandler } from '../http/router.ts';
import type { WriteDependencies } from '../http/writes.ts';
import {
  type BulkResult,
  type BulkResults,
  bulkAnswer,
  bulkKind,
  bulkLimit,
  refusal,
} from './bulk-request.ts';

/** One takes 0.1 ms; others have their turn in between. */
const plannedPerTurn = 50;

/** Our own resource, beside bulk bindings. */
export const bulkEventKind: KindInfo = bulkKind('BulkEvent');

const listKind = { group: '', version: 'v1', kind: 'EventList', schema: 'io.k8s.api.core.v1.EventList' };

/**
 * `POST /apis/coracle.dev/v1/bulkevents`, body a v1 EventList: creates every event as a request of its own would, with the
 * rights that would ask for, and spares the requests. Answers 200 with `{kind: BulkEventResult, results: [...]}` in the
 * order of the items.
 */
export function bulkEventHandler(deps: WriteDependencies): VirtualHandler {
  return async (request) => {
    const events = deps.registry.byResource('', 'v1', 'events');
    if (events === undefined) throw new TypeError('events are served');
    const items = readItems(deps, request);
    const authorize = rightsByNamespace(deps, request);
    const fieldManager = fieldManagerOf('', request.headers);
    const create = async (object: AnyObject): Promise<BulkResult> => {
      const namespace = object.metadata.namespace ?? 'default';
      try {
        await authorize(namespace);
        await deps.store.create({
          ...{ strategy: events, user: request.user, object, namespace, name: '' },
          ...{ subresource: '', dryRun: false, fieldManager },
        });
        return { code: 201 };
      } catch (error) {
        // One event's refusal is its result, not the others'.
        if (!(error instanceof StatusError)) throw error;
        return refusal(error);
      }
    };
    const results: BulkResults = [];
    for (let from = 0; from < items.length; from += plannedPerTurn)
      results.push(...(await Promise.all(items.slice(from, from + plannedPerTurn).map(create))));
    return bulkAnswer('BulkEventResult', results, 'event');
  };
}

/** @throws StatusError 400 */
function readItems({ registry }: WriteDependencies, request: ApiRequest): readonly AnyObject[] {
  const { object } = readBody(registry, request, listKind, 'Ignore');
  const { items } = object as AnyObject & { readonly items?: readonly (Partial<AnyObject> | null)[] };
  if (!Array.isArray(items)) throw badRequest('bulk event: items: must be a list');
  if (items.length > bulkLimit) throw badRequest(`bulk event: items: must have at most ${bulkLimit} items`);
  return items.map((item) => ({ ...item, kind: 'Event', apiVersion: 'v1', metadata: item?.metadata ?? {} }));
}

/** Asks once for each namespace. The function rejects with StatusError 403. */
function rightsByNamespace(
  { authorizer }: WriteDependencies,
  { user, info }: ApiRequest,
): (namespace: string) => Promise<void> {
  const known = new Map<string, Promise<void>>();
  const ask = async (namespace: string): Promise<void> => {
    const attributes: Attributes = {
      ...{ ...info, user, fields: everything, verb: 'create', isResource: true },
      ...{ group: '', version: 'v1', resource: 'events', subresource: '', namespace, name: '' },
    };
    const decision = await authorizer.authorize(attributes);
    if (!decision.allowed) throw deniedError(attributes, decision.reason);
  };
  return (namespace) => {
    const decided = known.get(namespace) ?? ask(namespace);
    known.set(namespace, decided);
    return decided;
  };
}
