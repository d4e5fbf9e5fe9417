import { protobufType } from '../decode/protobuf/body.ts';
import { envelopeEnd, envelopeHead, type TypeMeta, varint } from '../decode/protobuf/envelope.ts';
import { encodedKind, messageOf, objectEncoder } from '../decode/protobuf/object-encoder.ts';
import { parseObject } from '../store/object-source.ts';
import type { CachedObject } from '../watch-cache/read-cache.ts';
import { sendItems, turn } from './item-stream.ts';
import type { ListResponse } from './list-response.ts';
import type { MetaVersion } from './negotiation.ts';
import { sizedObject, typeMetaOf } from './protobuf-encodings.ts';
import { listHead, metadataListHead, toMetadataOnly } from './shapes.ts';

/** Objects encoded before others get their turn. */
const sliceObjects = 100;
/** Objects looked at before others get their turn, whose bytes are there already. */
const knownObjects = 5_000;

const firstTag = Buffer.from([0x0a]);
const secondTag = Buffer.from([0x12]);
/** A message without fields. */
const empty = Buffer.from([0]);
const listMetaMessage = 'k8s.io.apimachinery.pkg.apis.meta.v1.ListMeta';

/** Writes a list of the kept bytes of its items: only what nobody has asked for since it changed is encoded. */
export async function sendProtobufList(list: ListResponse): Promise<void> {
  const { strategy, objects } = list;
  const kind = encodedKind(typeMetaOf(strategy.kind));
  const isKept = (object: CachedObject): boolean =>
    strategy.conversion === undefined && objectEncoder.has(object.json);
  const items: Buffer[] = [];
  let work = 0;
  for (const object of objects) {
    work += isKept(object) ? 1 : knownObjects / sliceObjects;
    items.push(sizedObject(strategy, kind, object));
    if (work < knownObjects) continue;
    work = 0;
    await turn(list.clock);
  }
  await send(list, listHead(strategy), items);
}

export async function sendProtobufMetadataList(list: ListResponse, version: MetaVersion): Promise<void> {
  const message = messageOf({ apiVersion: `meta.k8s.io/${version}`, kind: 'PartialObjectMetadata' });
  const items: Buffer[] = [];
  for (const { json } of list.objects) {
    items.push(objectEncoder.sized(message, toMetadataOnly(parseObject(json))) ?? empty);
    if (items.length % sliceObjects === 0) await turn(list.clock);
  }
  await send(list, metadataListHead(version), items);
}

/** The length of the whole stands before it: all items must be at hand. */
async function send(list: ListResponse, type: TypeMeta, items: readonly Buffer[]): Promise<void> {
  // In v1beta1 the list of metadata has its two fields the other way round.
  const isReversed = type.apiVersion === 'meta.k8s.io/v1beta1';
  const [metadata, item] = isReversed ? [secondTag, firstTag] : [firstTag, secondTag];
  const listMeta = objectEncoder.sized(listMetaMessage, list.head) ?? empty;
  const itemBytes = items.reduce((sum, each) => sum + each.length, 0);
  const length = metadata.length + listMeta.length + itemBytes + items.length * item.length;
  let at = 0;
  await sendItems(list, {
    head: Buffer.concat([envelopeHead(type), varint(length), metadata, listMeta]),
    itemBytes,
    contentType: protobufType,
    punctuation: { first: item, between: item, closing: envelopeEnd },
    encode: () => items[at++] ?? empty,
  });
}
