import type { AnyObject } from '../../api/kind-info.ts';
import { matchesSelector } from '../../api/selector.ts';
import { type Answer, methodNotAllowed, objectAnswer } from '../http/answer.ts';
import type { ApiRequest } from '../http/api-request.ts';
import { parseFieldSelector } from '../http/field-selector.ts';
import { type Negotiated, negotiate } from '../http/negotiation.ts';
import type { VirtualHandler } from '../http/router.ts';
import { parseLabelSelector } from '../http/selector-parser.ts';
import { metadataListHead, tableRow, toMetadataOnly, toTable } from '../http/shapes.ts';
import { column, nameColumn } from '../registry/columns.ts';
import type { TableColumn } from '../registry/strategy.ts';
import { serverError } from '../store/server-error.ts';
import { type ComponentDependencies, componentStatus, components } from './components.ts';

const deprecation = 'v1 ComponentStatus is deprecated in v1.19+';

interface Condition {
  readonly type: string;
  readonly status: string;
  readonly message?: string;
  readonly error?: string;
}

const health = (object: AnyObject): Condition | undefined =>
  (object['conditions'] as readonly Condition[]).find(({ type }) => type === 'Healthy');

const columns: readonly TableColumn[] = [
  nameColumn,
  column('Status', 'Status of the component conditions', (object: AnyObject) =>
    health(object)?.status === 'True' ? 'Healthy' : 'Unhealthy',
  ),
  column(
    'Message',
    'Message of the component conditions',
    (object: AnyObject) => health(object)?.message ?? '',
  ),
  column('Error', 'Error of the component conditions', (object: AnyObject) => health(object)?.error ?? ''),
];

/** `componentstatuses`: checked when asked, and never stored. */
export function componentRoutes(deps: ComponentDependencies): [string, VirtualHandler][] {
  return [['/v1/componentstatuses', (request) => answer(deps, request)]];
}

async function answer(deps: ComponentDependencies, request: ApiRequest): Promise<Answer> {
  const { verb, name } = request.info;
  const negotiated = negotiate(request.headers.accept);
  if (verb === 'get') {
    const check = components.get(name);
    if (check === undefined) throw serverError(`Component not found: ${name}`);
    return one(deps, request, negotiated, await componentStatus(deps, name, check));
  }
  if (verb !== 'list') throw methodNotAllowed();
  const labels = parseLabelSelector(request.query.get('labelSelector') ?? undefined);
  const fields = parseFieldSelector(request.query.get('fieldSelector') ?? undefined);
  // They have no labels, and their name is the one field to select by.
  const found = [...components].filter(([component]) => {
    const own = new Map([['metadata.name', component]]);
    return matchesSelector(labels, new Map()) && matchesSelector(fields, own);
  });
  const items = await Promise.all(found.map(([component, check]) => componentStatus(deps, component, check)));
  return many(deps, request, negotiated, items);
}

function one(
  { clock }: ComponentDependencies,
  request: ApiRequest,
  negotiated: Negotiated,
  object: AnyObject,
): Answer {
  const { shape, metaVersion } = negotiated;
  const give = (body: object): Answer => objectAnswer(200, body, negotiated, [deprecation]);
  if (shape === 'object') return give(object);
  if (shape !== 'table') return give(toMetadataOnly(object, metaVersion));
  const row = tableRow({ columns }, object, includeOf(request), clock.nowMs(), metaVersion);
  return give(toTable({ columns }, [row], {}, true, metaVersion));
}

function many(
  { clock }: ComponentDependencies,
  request: ApiRequest,
  negotiated: Negotiated,
  objects: readonly AnyObject[],
): Answer {
  const { shape, metaVersion } = negotiated;
  const give = (body: object): Answer => objectAnswer(200, body, negotiated, [deprecation]);
  if (shape === 'table') {
    const include = includeOf(request);
    const rows = objects.map((each) => tableRow({ columns }, each, include, clock.nowMs(), metaVersion));
    return give(toTable({ columns }, rows, {}, true, metaVersion));
  }
  if (shape !== 'object') {
    const items = objects.map((each) => toMetadataOnly(each, metaVersion));
    return give({ ...metadataListHead(metaVersion), metadata: {}, items });
  }
  const items = objects.map(({ kind: _kind, apiVersion: _version, ...item }) => item);
  return give({ kind: 'ComponentStatusList', apiVersion: 'v1', metadata: {}, items });
}

const includeOf = ({ query }: ApiRequest): 'None' | 'Metadata' | 'Object' => {
  const include = query.get('includeObject');
  return include === 'None' || include === 'Object' ? include : 'Metadata';
};
