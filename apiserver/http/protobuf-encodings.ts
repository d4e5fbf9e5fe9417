import { type KindInfo, toApiVersion } from '../../api/kind-info.ts';
import { type TypeMeta, watchFrame } from '../decode/protobuf/envelope.ts';
import { type EncodedKind, encodedKind, objectEncoder } from '../decode/protobuf/object-encoder.ts';
import type { KindStrategy } from '../registry/strategy.ts';
import { parseObject } from '../store/object-source.ts';
import { viewJson } from '../store/stored-view.ts';
import type { WatchEncoding } from '../watch-cache/read-cache.ts';
import type { MetaVersion } from './negotiation.ts';
import { toMetadataOnly } from './shapes.ts';
import { bookmarkMetadata } from './watch-encodings.ts';

const status = encodedKind({ apiVersion: 'v1', kind: 'Status' });
const nothing = Buffer.from([0]);

export const typeMetaOf = (kind: KindInfo): TypeMeta => ({ apiVersion: toApiVersion(kind), kind: kind.kind });

function frame(type: string, { message, head }: EncodedKind, object: object): Buffer {
  return watchFrame(type, head, objectEncoder.sized(message, object) ?? nothing);
}

/** The length and bytes of a cached object, made once. */
export function sizedObject(
  { conversion }: Pick<KindStrategy, 'conversion'>,
  { message }: EncodedKind,
  object: { readonly json: Buffer; readonly version: number },
): Buffer {
  const sized =
    conversion === undefined
      ? objectEncoder.sizedJson(message, object.json)
      : objectEncoder.sized(message, parseObject(viewJson({ conversion }, object.json, object.version)));
  return sized ?? nothing;
}

/** The object itself, as a frame of a protobuf watch. */
export function protobufEncoding(strategy: KindStrategy): WatchEncoding {
  const type = typeMetaOf(strategy.kind);
  const kind = encodedKind(type);
  return {
    id: `protobuf ${type.apiVersion}`,
    hasFirst: false,
    encode: (event, object) => watchFrame(event, kind.head, sizedObject(strategy, kind, object)),
    bookmark: (version, end) => frame('BOOKMARK', kind, { metadata: bookmarkMetadata(version, end) }),
    error: (object) => frame('ERROR', status, object),
  };
}

export function protobufMetadataEncoding(version: MetaVersion): WatchEncoding {
  const kind = encodedKind({ apiVersion: `meta.k8s.io/${version}`, kind: 'PartialObjectMetadata' });
  return {
    id: `protobuf metadata ${version}`,
    hasFirst: false,
    encode: (event, object) => frame(event, kind, toMetadataOnly(parseObject(object.json), version)),
    bookmark: (at, end) => frame('BOOKMARK', kind, { metadata: bookmarkMetadata(at, end) }),
    error: (object) => frame('ERROR', status, object),
  };
}
