import type { Clock } from '../../base/clock.ts';
import type { KindStrategy } from '../registry/strategy.ts';
import { fromStored } from '../store/stored-view.ts';
import type { CachedObject } from '../watch-cache/read-cache.ts';
import { toYaml } from './answer.ts';
import { sendWhole } from './body-stream.ts';
import type { ClientResponse } from './client-response.ts';
import { sendItems, turn } from './item-stream.ts';
import type { MetaVersion } from './negotiation.ts';
import {
  type IncludeObject,
  listHead,
  metadataListHead,
  tableRow,
  toMetadataOnly,
  toTable,
} from './shapes.ts';

/** Objects parsed before others get their turn. */
const sliceObjects = 100;
/** Objects looked at before others get their turn: a millisecond. */
const comparedObjects = 5_000;

export interface ListHead {
  readonly resourceVersion: string;
  readonly continue: string | undefined;
  readonly remainingItemCount: number | undefined;
}

export interface ListResponse {
  readonly strategy: KindStrategy;
  readonly head: ListHead;
  readonly objects: readonly CachedObject[];
  readonly response: ClientResponse;
  readonly clock: Clock;
  /** Whether the client takes gzip. */
  readonly gzip: boolean;
}

/** Writes a list as the cached bytes of its items, at the pace of the reader. */
export async function sendList(list: ListResponse): Promise<void> {
  const { strategy, objects } = list;
  const head = openList(listHead(strategy), list.head);
  const typeMeta = typeMetaOf(strategy);
  if (strategy.conversion === undefined && (await allBeginWith(typeMeta, list))) {
    const skipped = typeMeta.length;
    const length = objects.reduce((sum, { json }) => sum + json.length - skipped, 0);
    return sendItems(list, { head, itemBytes: length, encode: ({ json }) => json.subarray(skipped) });
  }
  return sendItems(list, { head, encode: (object) => retyped(strategy, object), yieldEvery: sliceObjects });
}

/** Typed items of a list do not repeat their kind: this is what stands before the rest of an item. */
function typeMetaOf(strategy: KindStrategy): Buffer {
  const { kind, apiVersion } = { kind: strategy.kind.kind, apiVersion: listHead(strategy).apiVersion };
  return Buffer.from(`{"kind":${JSON.stringify(kind)},"apiVersion":${JSON.stringify(apiVersion)},`);
}

async function allBeginWith(prefix: Buffer, { objects, clock }: ListResponse): Promise<boolean> {
  for (const [at, { json }] of objects.entries()) {
    if (json.length <= prefix.length || !beginsWith(json, prefix)) return false;
    if ((at + 1) % comparedObjects === 0) await turn(clock);
  }
  return true;
}

/** Byte by byte: a call into the engine costs more than forty comparisons. */
function beginsWith(json: Buffer, prefix: Buffer): boolean {
  for (let at = 0; at < prefix.length; at += 1) if (json[at] !== prefix[at]) return false;
  return true;
}

function retyped(strategy: KindStrategy, object: CachedObject): Buffer {
  const { kind: _kind, apiVersion: _version, ...rest } = fromStored(strategy, object.json);
  return fieldsOf(rest);
}

/** An item as `sendItems` wants it: what follows its opening brace. */
const fieldsOf = (item: object): Buffer => Buffer.from(JSON.stringify(item).slice(1));

/** For people: not streamed. */
export async function sendYamlList(list: ListResponse): Promise<void> {
  const items = list.objects.map((object) => {
    const { kind: _kind, apiVersion: _version, ...rest } = fromStored(list.strategy, object.json);
    return rest;
  });
  const body = toYaml({ ...listHead(list.strategy), metadata: list.head, items });
  await sendWhole(list.response, { status: 200, contentType: 'application/yaml', body }, list.gzip);
}

export async function sendMetadataList(list: ListResponse, version: MetaVersion): Promise<void> {
  const head = openList(metadataListHead(version), list.head);
  const encode = (object: CachedObject): Buffer =>
    fieldsOf(toMetadataOnly(fromStored(list.strategy, object.json), version));
  await sendItems(list, { head, encode, yieldEvery: sliceObjects });
}

export async function sendTable(
  list: ListResponse,
  include: IncludeObject,
  version: MetaVersion,
): Promise<void> {
  const { strategy, clock } = list;
  const whole = JSON.stringify(toTable(strategy, [], list.head, true, version));
  const head = Buffer.from(whole.slice(0, -2));
  const nowMs = clock.nowMs();
  const encode = (object: CachedObject): Buffer =>
    fieldsOf(tableRow(strategy, fromStored(strategy, object.json), include, nowMs, version));
  await sendItems(list, { head, encode, yieldEvery: sliceObjects });
}

function openList(type: { readonly kind: string; readonly apiVersion: string }, head: ListHead): Buffer {
  const metadata = {
    resourceVersion: head.resourceVersion,
    ...(head.continue === undefined ? {} : { continue: head.continue }),
    ...(head.remainingItemCount === undefined ? {} : { remainingItemCount: head.remainingItemCount }),
  };
  return Buffer.from(
    `{"kind":"${type.kind}","apiVersion":"${type.apiVersion}","metadata":${JSON.stringify(metadata)},"items":[`,
  );
}
