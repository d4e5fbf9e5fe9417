import { type AnyObject, toApiVersion } from '../../api/kind-info.ts';
import { badRequest, isExpired, notFound, StatusError } from '../../api/status-error.ts';
import type { Clock } from '../../base/clock.ts';
import type { Random } from '../../base/random.ts';
import { emptyStruct } from '../decode/schema.ts';
import type { Registry } from '../registry/registry.ts';
import type { KindStrategy } from '../registry/strategy.ts';
import { resourcePrefix } from '../storage/keys.ts';
import { parseObject } from '../store/object-source.ts';
import type { ObjectStore } from '../store/object-store.ts';
import { toStatusError } from '../store/storage-failure.ts';
import { viewJson } from '../store/stored-view.ts';
import type { CachedObject, CachePage, ReadCache, WatchEncoding } from '../watch-cache/read-cache.ts';
import { type Answer, objectAnswer, storedAnswer } from './answer.ts';
import type { ResourceRequest } from './api-request.ts';
import { decodeContinue, ExpiredContinue, encodeContinue } from './continue-token.ts';
import { badListVersion, type ListOptions, parseListOptions, parseVersion } from './list-options.ts';
import { type Negotiated, negotiate } from './negotiation.ts';
import { protobufEncoding, protobufMetadataEncoding } from './protobuf-encodings.ts';
import {
  type Collected,
  includeOf,
  negotiateList,
  sendShapedList,
  speakable,
  wrongShape,
} from './shaped-list.ts';
import { tableRow, toMetadataOnly, toTable } from './shapes.ts';
import { metadataEncoding, objectEncoding, tableEncoding } from './watch-encodings.ts';
import type { WatchStreams } from './watch-response.ts';

/** Objects that the cache is asked for at once, so that long lists do not hold others up. */
const pageObjects = 2_000;

export interface ReadDependencies {
  readonly registry: Registry;
  readonly store: ObjectStore;
  readonly cache: ReadCache;
  readonly clock: Clock;
  readonly random: Random;
  /** Aborts when the server ends: watches are then ended in order. */
  readonly stopping: AbortSignal;
}

export interface ListDependencies extends ReadDependencies {
  readonly watches: WatchStreams;
}

/** GET of one object, from the cache when that is new enough. */
export async function getObject(deps: ReadDependencies, request: ResourceRequest): Promise<Answer> {
  const negotiated = negotiate(request.headers.accept);
  const { strategy, info } = request;
  const found = await readObject(deps, request);
  if (found === undefined) throw notFound(strategy.kind, info.name);
  return shapedAnswer(deps, request, {
    status: 200,
    json: viewJson(strategy, found.json, found.version),
    negotiated,
    warnings: strategy.deprecation === undefined ? [] : [strategy.deprecation],
  });
}

async function readObject(
  deps: ReadDependencies,
  { strategy, info, query }: ResourceRequest,
): Promise<CachedObject | undefined> {
  const asked = query.get('resourceVersion') ?? '';
  if (asked === '') return deps.store.read(strategy, info.namespace, info.name);
  const version = parseVersion(asked);
  if (version > 0) await deps.cache.waitFor(version);
  return deps.cache.get(strategy.resource, info.namespace, info.name);
}

/** One object in the shape that was asked for. */
export function shapedAnswer(
  deps: Pick<ReadDependencies, 'clock'>,
  request: ResourceRequest,
  answer: {
    readonly status: number;
    readonly json: Buffer;
    readonly negotiated: Negotiated;
    readonly warnings?: readonly string[];
  },
): Answer {
  const { status, json, negotiated, warnings } = answer;
  const { kind } = request.strategy;
  if (negotiated.shape === 'object') return storedAnswer(status, { kind, json }, negotiated, warnings);
  const object = parseObject(json);
  if (negotiated.shape === 'metadata')
    return objectAnswer(status, toMetadataOnly(object, negotiated.metaVersion), negotiated, warnings);
  if (negotiated.shape === 'metadataList')
    throw wrongShape(
      `you requested PartialObjectMetadataList, but the requested object is not a list (*core.${object.kind})`,
    );
  const row = tableRow(
    request.strategy,
    object,
    includeOf(request),
    deps.clock.nowMs(),
    negotiated.metaVersion,
  );
  const head = { resourceVersion: object.metadata.resourceVersion };
  return objectAnswer(
    status,
    toTable(request.strategy, [row], head, true, negotiated.metaVersion),
    negotiated,
    warnings,
  );
}

/** A list or a watch. Writes the response itself; a watch goes on when this has resolved. */
export async function listOrWatch(deps: ListDependencies, request: ResourceRequest): Promise<void> {
  const watch = request.info.verb === 'watch';
  const { strategy, headers } = request;
  const negotiated = watch ? speakable(strategy, negotiate(headers.accept, true)) : negotiateList(request);
  const options = parseListOptions(request.query, strategy, { name: request.info.name, watch });
  if (watch) return startWatch(deps, request, options, negotiated);
  await sendShapedList(deps.clock, request, await collectList(deps, request, options), negotiated);
}

export async function collectList(
  deps: ReadDependencies,
  request: ResourceRequest,
  options: ListOptions,
): Promise<Collected> {
  const start = await startOf(deps, request, options);
  const objects: CachedObject[] = [];
  let after = start.after;
  let atVersion = start.atVersion;
  let page: CachePage;
  for (;;) {
    const left = options.limit > 0 ? options.limit - objects.length : pageObjects;
    page = pageAt(deps.cache, request, options, { after, atVersion, limit: Math.min(left, pageObjects) });
    for (const object of page.objects) objects.push(object);
    after = page.next;
    if (after === undefined || (options.limit > 0 && objects.length >= options.limit)) break;
    atVersion ??= page.version;
    await new Promise<void>((resolve) => {
      deps.clock.setImmediate(resolve);
    });
  }
  const version = start.atVersion ?? atVersion ?? page.version;
  const selected = options.labels.length > 0 || options.fields.length > 0;
  return {
    objects,
    head: {
      resourceVersion: String(version),
      continue:
        after === undefined
          ? undefined
          : encodeContinue({ version, after, begunMs: start.begunMs ?? deps.clock.nowMs() }),
      remainingItemCount: after === undefined || selected ? undefined : page.remaining,
    },
  };
}

interface ListStart {
  readonly after: string | undefined;
  /** Undefined: the state as the cache has it. */
  readonly atVersion: number | undefined;
  /** Of a list that goes on: when it began. */
  readonly begunMs?: number | undefined;
}

async function startOf(
  deps: ReadDependencies,
  request: ResourceRequest,
  options: ListOptions,
): Promise<ListStart> {
  const { cache } = deps;
  if (options.continueToken !== '') {
    const prefix = resourcePrefix(request.strategy.resource);
    const token = decodeContinue(options.continueToken, prefix, deps.clock.nowMs());
    if (options.resourceVersion !== '' && options.resourceVersion !== '0')
      throw badRequest('specifying resource version is not allowed when using continue');
    if (token.version > 0) return { after: token.after, atVersion: token.version, begunMs: token.begunMs };
    await waitCurrent(cache, request.response.signal);
    return { after: token.after, atVersion: undefined };
  }
  const version = parseVersion(options.resourceVersion, badListVersion);
  if (options.resourceVersionMatch === 'Exact') {
    await cache.waitFor(version, request.response.signal);
    return { after: undefined, atVersion: version };
  }
  if (options.resourceVersion === '') await waitCurrent(cache, request.response.signal);
  else if (version > 0) await cache.waitFor(version, request.response.signal);
  return { after: undefined, atVersion: undefined };
}

async function waitCurrent(cache: ReadCache, signal?: AbortSignal): Promise<void> {
  try {
    await cache.waitCurrent(signal);
  } catch (error) {
    // The boundary to the store.
    throw toStatusError(error);
  }
}

function pageAt(
  cache: ReadCache,
  request: ResourceRequest,
  options: ListOptions,
  at: ListStart & { readonly limit: number },
): CachePage {
  try {
    return cache.list({
      resource: request.strategy.resource,
      namespace: request.info.namespace,
      name: options.name,
      labels: options.labels,
      fields: options.fields,
      ...at,
    });
  } catch (error) {
    // A continued list gets a token with which it may go on all the same.
    if (isExpired(error) && options.continueToken !== '' && at.after !== undefined)
      throw new ExpiredContinue(at.after);
    throw error;
  }
}

async function startWatch(
  deps: ListDependencies,
  request: ResourceRequest,
  options: ListOptions,
  negotiated: Negotiated,
): Promise<void> {
  const { cache } = deps;
  const version = parseVersion(options.resourceVersion);
  if (options.sendInitialEvents === true && !options.allowWatchBookmarks)
    throw sendInitialEventsNeedsBookmarks();
  // No signal: it would outlive the wait, which is short, in each of thousands of watches.
  if (options.resourceVersion === '') await waitCurrent(cache);
  else if (version > cache.version) await cache.waitFor(version);
  const initial = options.sendInitialEvents === true;
  const watched = {
    resource: request.strategy.resource,
    namespace: request.info.namespace,
    name: options.name,
    labels: options.labels,
    fields: options.fields,
    fromVersion: initial || version === 0 ? undefined : version,
    sendInitialEvents: initial,
    startWithState: options.sendInitialEvents === undefined && version === 0,
    bookmarks: options.allowWatchBookmarks,
    encoding: encodingOf(deps, request, negotiated),
  };
  const { timeoutSeconds } = options;
  deps.watches.begin(request.response, watched, { timeoutSeconds, contentType: watchType(negotiated) });
}

function sendInitialEventsNeedsBookmarks(): StatusError {
  return new StatusError({
    reason: 'Invalid',
    code: 422,
    message:
      'ListOptions.meta.k8s.io "" is invalid: sendInitialEvents: Forbidden: sendInitialEvents requires setting allowWatchBookmarks to true',
    details: { group: 'meta.k8s.io', kind: 'ListOptions' },
  });
}

function zeroOf({ registry }: ReadDependencies, { kind }: KindStrategy): AnyObject {
  const zero = kind.schema === '' ? {} : emptyStruct(registry.schemas.struct(kind.schema));
  const metadata = { name: '', uid: '', resourceVersion: '', creationTimestamp: '' };
  return { ...zero, apiVersion: toApiVersion(kind), kind: kind.kind, metadata };
}

const watchType = ({ media, contentType }: Negotiated): string =>
  media === 'protobuf' ? `${contentType};stream=watch` : contentType;

function encodingOf(deps: ReadDependencies, request: ResourceRequest, negotiated: Negotiated): WatchEncoding {
  if (negotiated.shape === 'table')
    return tableEncoding(request.strategy, includeOf(request), deps.clock, zeroOf(deps, request.strategy));
  const isProtobuf = negotiated.media === 'protobuf';
  if (negotiated.shape !== 'object')
    return isProtobuf ? protobufMetadataEncoding(negotiated.metaVersion) : metadataEncoding();
  return isProtobuf ? protobufEncoding(request.strategy) : objectEncoding(request.strategy);
}
