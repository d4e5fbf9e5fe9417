import type { Clock } from '../../base/clock.ts';
import type { KindStrategy } from '../registry/strategy.ts';
import { fromStored } from '../store/stored-view.ts';
import type { CachedObject } from '../watch-cache/read-cache.ts';
import { send, toYaml } from './answer.ts';
import type { ClientResponse } from './client-response.ts';
import type { MetaVersion } from './negotiation.ts';
import {
  type IncludeObject,
  listHead,
  metadataListHead,
  tableRow,
  toMetadataOnly,
  toTable,
} from './shapes.ts';

/** Bytes joined before they are written: few writes, little memory. */
const chunkBytes = 128 * 1024;
/** Objects parsed before others get their turn. */
const sliceObjects = 100;

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
}

/** Writes a list as the cached bytes of its items, at the pace of the reader. */
export async function sendList(list: ListResponse): Promise<void> {
  const head = openList(listHead(list.strategy), list.head);
  const strip = typeMetaStripper(list.strategy);
  await sendItems(list, head, (object) => strip(object.json));
}

/** Typed items of a list do not repeat their kind: the bytes from behind it. */
export function typeMetaStripper(strategy: KindStrategy): (json: Buffer) => Buffer[] {
  const { conversion } = strategy;
  const { kind, apiVersion } = { kind: strategy.kind.kind, apiVersion: listHead(strategy).apiVersion };
  const prefix = Buffer.from(`{"kind":${JSON.stringify(kind)},"apiVersion":${JSON.stringify(apiVersion)},`);
  return (json) => {
    if (
      conversion === undefined &&
      json.length > prefix.length &&
      json.compare(prefix, 0, prefix.length, 0, prefix.length) === 0
    )
      return [openBrace, json.subarray(prefix.length)];
    const { kind: _kind, apiVersion: _version, ...rest } = fromStored(strategy, json);
    return [Buffer.from(JSON.stringify(rest))];
  };
}

/** For people: not streamed. */
export async function sendYamlList(list: ListResponse): Promise<void> {
  const items = list.objects.map((object) => {
    const { kind: _kind, apiVersion: _version, ...rest } = fromStored(list.strategy, object.json);
    return rest;
  });
  const body = toYaml({ ...listHead(list.strategy), metadata: list.head, items });
  send(list.response, { status: 200, contentType: 'application/yaml', body });
}

export async function sendMetadataList(list: ListResponse, version: MetaVersion): Promise<void> {
  const head = openList(metadataListHead(version), list.head);
  await sendItems(
    list,
    head,
    (object) => [
      Buffer.from(JSON.stringify(toMetadataOnly(fromStored(list.strategy, object.json), version))),
    ],
    sliceObjects,
  );
}

export async function sendTable(
  list: ListResponse,
  include: IncludeObject,
  version: MetaVersion,
): Promise<void> {
  const { strategy, clock, response } = list;
  const whole = JSON.stringify(toTable(strategy, [], list.head, true, version));
  const head = Buffer.from(whole.slice(0, -2));
  const nowMs = clock.nowMs();
  const row = (object: CachedObject): Buffer[] => [
    Buffer.from(
      JSON.stringify(tableRow(strategy, fromStored(list.strategy, object.json), include, nowMs, version)),
    ),
  ];
  await sendItems({ ...list, response }, head, row, sliceObjects);
}

const openBrace = Buffer.from('{');
const comma = Buffer.from(',');
const closing = Buffer.from(']}\n');

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

async function sendItems(
  list: ListResponse,
  head: Buffer,
  encode: (object: CachedObject) => readonly Buffer[],
  yieldEvery = Number.POSITIVE_INFINITY,
): Promise<void> {
  const { response } = list;
  let parts: Buffer[] = [head];
  let bytes = head.length;
  let started = false;
  for (const [at, object] of list.objects.entries()) {
    if (at > 0) parts.push(comma);
    for (const part of encode(object)) {
      parts.push(part);
      bytes += part.length;
    }
    if ((at + 1) % yieldEvery === 0) await turn(list.clock);
    if (bytes < chunkBytes) continue;
    if (!started)
      response.writeHead(200, { 'content-type': 'application/json', 'cache-control': 'no-cache, private' });
    started = true;
    if (!response.write(Buffer.concat(parts))) await drained(response);
    if (response.gone) return;
    parts = [];
    bytes = 0;
  }
  parts.push(closing);
  const rest = Buffer.concat(parts);
  if (started) response.end(rest);
  else send(response, { status: 200, contentType: 'application/json', body: rest });
}

const turn = (clock: Clock): Promise<void> =>
  new Promise((resolve) => {
    clock.setImmediate(resolve);
  });

/** Waits until the reader has taken what was written, or has gone. */
function drained(response: ClientResponse): Promise<void> {
  return new Promise((resolve) => {
    response.onDrain(resolve);
  });
}
