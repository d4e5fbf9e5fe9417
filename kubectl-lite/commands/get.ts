import type { AnyObject, KindInfo } from '../../api/kind-info.ts';
import { isNotFound } from '../../api/status-error.ts';
import type { Place } from '../api.ts';
import { describeFailure, usageError } from '../cli-error.ts';
import {
  allNamespacesFlag,
  type Command,
  fileFlags,
  type Invocation,
  outputFlag,
  selectorFlag,
} from '../command.ts';
import { qualifiedKind } from '../kind-table.ts';
import { locateManifests } from '../located.ts';
import { evaluatePath } from '../printers/jsonpath.ts';
import { itemsOf, objectPrinter } from '../printers/objects.ts';
import { align, layOut, type Table, type TableLayout, tableAccept, toTable } from '../printers/table.ts';
import { parseTargets } from '../targets.ts';

const missingType = `You must specify the type of resource to get. Use "kubectl-lite api-resources" for a complete list of supported resources.

error: Required resource not specified.
See 'kubectl-lite get -h' for help and examples`;

export const getCommand: Command = {
  name: 'get',
  usage: 'get TYPE [NAME ...]',
  summary: 'Display one or many resources',
  flags: [
    ...fileFlags,
    selectorFlag,
    allNamespacesFlag,
    outputFlag,
    { name: 'field-selector', kind: 'text', help: 'Field selector: spec.nodeName=host-1' },
    { name: 'watch', short: 'w', kind: 'boolean', help: 'Go on with the changes' },
    { name: 'watch-only', kind: 'boolean', help: 'Only the changes' },
    { name: 'output-watch-events', kind: 'boolean', help: 'Show the kind of each change' },
    { name: 'no-headers', kind: 'boolean', help: 'No column headers' },
    { name: 'show-labels', kind: 'boolean', help: 'A column with all labels' },
    { name: 'show-kind', kind: 'boolean', help: 'The kind before each name' },
    { name: 'show-managed-fields', kind: 'boolean', help: 'Keep managedFields in JSON and YAML' },
    { name: 'label-columns', short: 'L', kind: 'list', help: 'Columns with the values of these labels' },
    { name: 'ignore-not-found', kind: 'boolean', help: 'Nothing and success when the object is not there' },
    { name: 'sort-by', kind: 'text', help: 'Field to sort by, as a JSONPath' },
    { name: 'chunk-size', kind: 'text', fallback: '500', help: 'Objects of one answer' },
    { name: 'subresource', kind: 'text', help: 'status or scale' },
    { name: 'raw', kind: 'text', help: 'A path to ask the server for' },
  ],
  async run(invocation) {
    const { session, flags, args } = invocation;
    const api = await session.api();
    const raw = flags.text('raw');
    if (raw !== undefined) {
      session.io.out(await api.text(raw));
      return undefined;
    }
    const requests = await requestsOf(invocation);
    const format = flags.text('output') ?? '';
    if (format !== '' && format !== 'wide') await printerOf(format, flags.bool('show-managed-fields'), true);
    if (flags.bool('watch') || flags.bool('watch-only')) return watchRequests(invocation, requests);
    const isTable = format === '' || format === 'wide';
    const isSeveral = args.some((arg) => /[,]|^all$/.test(arg)) || requests.length > 1;
    return isTable
      ? printTables(invocation, requests, isSeveral)
      : printObjects(invocation, requests, format);
  },
};

interface GetRequest extends Place {
  readonly kind: KindInfo;
}

async function requestsOf({ session, flags, args }: Invocation): Promise<GetRequest[]> {
  if (flags.has('filename'))
    return (await locateManifests(session)).map(({ kind, namespace, name }) => ({ kind, namespace, name }));
  if (args.length === 0) throw usageErrorWithoutPrefix();
  const targets = await parseTargets(args, await session.kinds());
  const all = flags.bool('all-namespaces');
  const requests: GetRequest[] = [];
  for (const { kind, names } of targets) {
    if (names !== undefined && all && kind.namespaced)
      throw usageError('a resource cannot be retrieved by name across all namespaces');
    if (names !== undefined && flags.has('selector'))
      throw usageError('selectors and the all flag cannot be used when passing resource/name arguments');
    const namespace = await session.namespaceFor(kind, all);
    const subresource = flags.text('subresource');
    if (names === undefined) requests.push({ kind, namespace });
    else for (const name of names) requests.push({ kind, namespace, name, subresource });
  }
  return requests;
}

function usageErrorWithoutPrefix(): Error {
  const error = usageError('');
  error.message = missingType;
  return error;
}

/** All pages of a list as one. */
async function fetchWhole(invocation: Invocation, request: GetRequest, accept: string): Promise<AnyObject> {
  const { session, flags } = invocation;
  const api = await session.api();
  if (request.name !== undefined) return api.get(request, { accept });
  const limit = flags.number('chunk-size');
  const query = {
    labelSelector: flags.text('selector'),
    fieldSelector: flags.text('field-selector'),
    limit: limit === 0 ? undefined : limit,
  };
  const whole = await api.get(request, { accept, query });
  const field = whole.kind === 'Table' ? 'rows' : 'items';
  let next = continueOf(whole);
  while (next !== '') {
    const page = await api.get(request, { accept, query: { ...query, continue: next } });
    whole[field] = [...listOf(whole[field]), ...listOf(page[field])];
    next = continueOf(page);
  }
  const metadata: { continue?: string; remainingItemCount?: number } = Object(whole.metadata);
  delete metadata.continue;
  delete metadata.remainingItemCount;
  return whole;
}

function continueOf(list: AnyObject): string {
  const metadata: { continue?: string } = Object(list.metadata);
  return metadata.continue ?? '';
}

function listOf(value: unknown): unknown[] {
  return Array.isArray(value) ? value : [];
}

/** Fetches one after another; what fails is reported and the rest is shown. @returns whether one failed */
async function fetchEach(
  invocation: Invocation,
  requests: readonly GetRequest[],
  accept: string,
  use: (body: AnyObject, request: GetRequest) => void,
): Promise<boolean> {
  const { session, flags } = invocation;
  const failures: string[] = [];
  for (const request of requests) {
    try {
      use(await fetchWhole(invocation, request, accept), request);
    } catch (error) {
      if (isNotFound(error) && flags.bool('ignore-not-found')) continue;
      failures.push(describeFailure(await missingNamespace(invocation, request, error)));
    }
  }
  if (failures.length > 0) session.io.err(`${failures.join('\n')}\n`);
  return failures.length > 0;
}

/** When an object is not found because its namespace is not there, that is what the user wants to know. */
async function missingNamespace(
  { session }: Invocation,
  request: GetRequest,
  error: unknown,
): Promise<unknown> {
  if (!isNotFound(error) || request.namespace === undefined) return error;
  const kind = await (await session.kinds()).byName('namespaces');
  return (await session.api()).get({ kind, name: request.namespace }).then(
    () => error,
    (reason: unknown) => (isNotFound(reason) ? reason : error),
  );
}

async function printTables(
  invocation: Invocation,
  requests: readonly GetRequest[],
  isSeveral: boolean,
): Promise<number | undefined> {
  const { session, flags } = invocation;
  const groups = new Map<KindInfo, Table>();
  const failed = await fetchEach(invocation, requests, tableAccept, (body, { kind }) => {
    const table = toTable(body) ?? plainTable(body);
    const before = groups.get(kind);
    groups.set(kind, before === undefined ? table : { ...before, rows: [...before.rows, ...table.rows] });
  });
  const kinds = new Set(requests.map(({ kind }) => kind));
  const withKind = isSeveral && kinds.size > 1;
  const texts = [...groups]
    .filter(([, table]) => table.rows.length > 0)
    .map(([kind, table]) =>
      align(layOut(sortRows(table, flags.text('sort-by')), layoutOf(invocation, kind, withKind))),
    );
  session.io.out(texts.join('\n'));
  const isEmpty = texts.length === 0 && !failed && !flags.bool('ignore-not-found');
  if (isEmpty) session.io.err(await nothingFound(invocation, requests));
  return failed ? 1 : undefined;
}

function layoutOf({ flags }: Invocation, kind: KindInfo, withKind: boolean): TableLayout {
  return {
    wide: flags.text('output') === 'wide',
    headers: !flags.bool('no-headers'),
    withNamespace: flags.bool('all-namespaces') && kind.namespaced,
    withLabels: flags.bool('show-labels'),
    labelColumns: flags.list('label-columns'),
    namePrefix: withKind || flags.bool('show-kind') ? `${qualifiedKind(kind)}/` : '',
  };
}

async function nothingFound(
  { session, flags }: Invocation,
  requests: readonly GetRequest[],
): Promise<string> {
  const isNamespaced = requests.some(({ kind }) => kind.namespaced) && !flags.bool('all-namespaces');
  return isNamespaced
    ? `No resources found in ${await session.namespace()} namespace.\n`
    : 'No resources found\n';
}

function plainTable(body: AnyObject): Table {
  const rows = itemsOf(body).map((object) => ({
    cells: [object.metadata?.name ?? '', object.metadata?.creationTimestamp ?? ''],
    object,
  }));
  return { columns: ['Name', 'Created At'].map((name) => ({ name, priority: 0 })), rows };
}

function sortRows(table: Table, path: string | undefined): Table {
  if (path === undefined || path === '') return table;
  const keyOf = (object: unknown): string | number => {
    const [value] = evaluatePath(path, object);
    return typeof value === 'number' ? value : String(value ?? '');
  };
  const rows = [...table.rows].sort((a, b) => {
    const [x, y] = [keyOf(a.object), keyOf(b.object)];
    return x < y ? -1 : x > y ? 1 : 0;
  });
  return { ...table, rows };
}

async function printObjects(
  invocation: Invocation,
  requests: readonly GetRequest[],
  format: string,
): Promise<number | undefined> {
  const { session, flags } = invocation;
  const bodies: AnyObject[] = [];
  const kinds = new Map<string, KindInfo>(requests.map(({ kind }) => [kind.kind, kind]));
  const failed = await fetchEach(invocation, requests, 'application/json', (body) => bodies.push(body));
  const isOne = requests.length === 1 && requests[0]?.name !== undefined;
  if (isOne && bodies[0] === undefined) return failed ? 1 : undefined;
  const list: AnyObject = {
    apiVersion: 'v1',
    kind: 'List',
    metadata: Object.assign({}, { resourceVersion: '' }) as AnyObject['metadata'],
    items: bodies.flatMap(itemsOf),
  };
  const print = await printerOf(format, flags.bool('show-managed-fields'), !flags.bool('no-headers'), kinds);
  session.io.out(print(isOne && bodies[0] !== undefined ? bodies[0] : list));
  return failed ? 1 : undefined;
}

async function printerOf(
  format: string,
  managedFields: boolean,
  headers: boolean,
  kinds: ReadonlyMap<string, KindInfo> = new Map(),
): Promise<(object: AnyObject) => string> {
  const nameOf = (object: AnyObject): string => {
    const kind = kinds.get(object.kind);
    return `${kind === undefined ? object.kind.toLowerCase() : qualifiedKind(kind)}/${object.metadata.name}`;
  };
  return objectPrinter(format, nameOf, { managedFields, headers });
}

/** One watch at a time, as in kubectl: several kinds cannot be watched together. */
async function watchRequests(
  invocation: Invocation,
  requests: readonly GetRequest[],
): Promise<number | undefined> {
  const { session, flags } = invocation;
  const [request] = requests;
  if (request === undefined || requests.length > 1)
    throw usageError('you may only specify a single resource type');
  const format = flags.text('output') ?? '';
  const isTable = format === '' || format === 'wide';
  const show = isTable
    ? tablePrinter(invocation, request.kind)
    : await eventPrinter(invocation, request.kind, format);
  const accept = isTable ? tableAccept : 'application/json';
  const first = await fetchWhole(invocation, { kind: request.kind, namespace: request.namespace }, accept);
  const api = await session.api();
  const { name } = request;
  if (name !== undefined) await api.get(request);
  const fieldSelector = name === undefined ? flags.text('field-selector') : `metadata.name=${name}`;
  const version: { resourceVersion?: string } = first.metadata;
  if (!flags.bool('watch-only')) show('ADDED', name === undefined ? first : only(first, name));
  const query = {
    resourceVersion: version.resourceVersion,
    labelSelector: flags.text('selector'),
    fieldSelector,
  };
  const place = { kind: request.kind, namespace: request.namespace };
  for await (const event of api.watch(place, query, accept, session.signal))
    if (event.type !== 'BOOKMARK') show(event.type, event.object);
  return undefined;
}

function only(list: AnyObject, name: string): AnyObject {
  const table = toTable(list);
  if (table !== undefined)
    return { ...list, rows: table.rows.filter((row) => row.object?.metadata.name === name) };
  return { ...list, items: itemsOf(list).filter((item) => item.metadata.name === name) };
}

type ShowEvent = (type: string, body: AnyObject) => void;

function tablePrinter(invocation: Invocation, kind: KindInfo): ShowEvent {
  const { session, flags } = invocation;
  const widths: number[] = [];
  let columns: Table['columns'] = [];
  let isFirst = true;
  return (type, body) => {
    const table = toTable(body);
    if (table === undefined) return;
    if (table.columns.length > 0) columns = table.columns;
    const layout = layoutOf(invocation, kind, false);
    const withType = flags.bool('output-watch-events');
    const rows = layOut({ columns, rows: table.rows }, { ...layout, headers: isFirst && layout.headers });
    if (table.rows.length === 0) return;
    const text = withType
      ? rows.map((row, i) => [isFirst && layout.headers && i === 0 ? 'EVENT' : type, ...row])
      : rows;
    isFirst = false;
    session.io.out(align(text, widths));
  };
}

async function eventPrinter(invocation: Invocation, kind: KindInfo, format: string): Promise<ShowEvent> {
  const { session, flags } = invocation;
  const print = await printerOf(
    format,
    flags.bool('show-managed-fields'),
    false,
    new Map([[kind.kind, kind]]),
  );
  return (type, body) => {
    for (const item of itemsOf(body)) {
      const text = print(item);
      session.io.out(flags.bool('output-watch-events') ? `${type} ${text}` : text);
    }
  };
}
