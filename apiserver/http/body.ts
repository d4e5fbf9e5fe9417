import { StatusError } from '../../api/status-error.ts';
import { type Decoded, decodeObject, type ExpectedKind, type FieldValidation } from '../decode/decode.ts';
import type { Registry } from '../registry/registry.ts';
import { type ApiRequest, mediaType } from './api-request.ts';

const readable: ReadonlySet<string> = new Set([
  'application/json',
  'application/yaml',
  'application/vnd.kubernetes.protobuf',
]);

/** The media type of a body that is to be an object. @throws StatusError 415 */
export function objectMediaType(request: ApiRequest): string {
  const type = mediaType(request.headers);
  if (type === '') return 'application/json';
  if (readable.has(type)) return type;
  throw new StatusError({
    reason: 'UnsupportedMediaType',
    code: 415,
    message: `the body of the request was in an unknown format - accepted media types include: ${[...readable].join(', ')}`,
  });
}

export interface BodyKind extends ExpectedKind {
  /** Definition in the schema facts. */
  readonly schema: string;
}

/** Reads the body as an object of the given kind. @throws StatusError 400, 415 */
export function readBody(
  registry: Registry,
  request: ApiRequest,
  kind: BodyKind,
  fieldValidation: FieldValidation,
): Decoded {
  return decodeObject({
    kind,
    schema: registry.schemas.struct(kind.schema),
    messages: registry.messages,
    contentType: objectMediaType(request),
    body: request.body,
    fieldValidation,
    isKnownKind: (found) => registry.byKind(found.group, found.version, found.kind) !== undefined,
  });
}
