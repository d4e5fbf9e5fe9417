import { badRequest, StatusError } from '../../api/status-error.ts';
import type { Clock } from '../../base/clock.ts';
import { isEncodable } from '../decode/protobuf/object-encoder.ts';
import type { KindStrategy } from '../registry/strategy.ts';
import type { CachedObject } from '../watch-cache/read-cache.ts';
import type { ResourceRequest } from './api-request.ts';
import { acceptsGzip } from './gzip.ts';
import {
  type ListHead,
  type ListResponse,
  sendList,
  sendMetadataList,
  sendTable,
  sendYamlList,
} from './list-response.ts';
import { type Negotiated, negotiate, plainJson } from './negotiation.ts';
import { typeMetaOf } from './protobuf-encodings.ts';
import { sendProtobufList, sendProtobufMetadataList } from './protobuf-list.ts';
import type { IncludeObject } from './shapes.ts';

/** Objects of a list, and what is said of the whole. */
export interface Collected {
  readonly objects: readonly CachedObject[];
  readonly head: ListHead;
}

export const wrongShape = (message: string): StatusError =>
  new StatusError({ reason: 'NotAcceptable', code: 406, message });

/** How a list leaves. @throws StatusError 406 */
export function negotiateList({ strategy, headers }: ResourceRequest): Negotiated {
  const negotiated = speakable(strategy, negotiate(headers.accept));
  if (negotiated.shape !== 'metadata') return negotiated;
  const type = `*core.${strategy.kind.kind}List`;
  throw wrongShape(`you requested PartialObjectMetadata, but the requested object is a list (${type})`);
}

/** A kind that has no message is told in JSON, which every client reads. */
export function speakable({ kind }: KindStrategy, negotiated: Negotiated): Negotiated {
  const { media, shape, metaVersion } = negotiated;
  if (media !== 'protobuf' || shape !== 'object' || isEncodable(typeMetaOf(kind))) return negotiated;
  return { ...plainJson, shape, metaVersion };
}

export function includeOf({ query }: ResourceRequest): IncludeObject {
  const value = query.get('includeObject') ?? '';
  if (value === '' || value === 'Metadata') return 'Metadata';
  if (value === 'None' || value === 'Object') return value;
  throw badRequest(`unrecognized includeObject value: ${JSON.stringify(value)}`);
}

/** Writes the response itself. */
export function sendShapedList(
  clock: Clock,
  request: ResourceRequest,
  collected: Collected,
  { shape, media, metaVersion }: Negotiated,
): Promise<void> {
  const { response, strategy, headers } = request;
  const list: ListResponse = { ...collected, strategy, response, clock, gzip: acceptsGzip(headers) };
  if (shape === 'table') return sendTable(list, includeOf(request), metaVersion);
  const isProtobuf = media === 'protobuf';
  if (shape === 'metadataList')
    return isProtobuf ? sendProtobufMetadataList(list, metaVersion) : sendMetadataList(list, metaVersion);
  if (isProtobuf) return sendProtobufList(list);
  return media === 'yaml' ? sendYamlList(list) : sendList(list);
}
