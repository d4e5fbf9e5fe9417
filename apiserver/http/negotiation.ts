import { StatusError } from '../../api/status-error.ts';

/** How an object leaves: as itself, as rows, or as its metadata only. */
export type Shape = 'object' | 'table' | 'metadata' | 'metadataList';

export type MetaVersion = 'v1' | 'v1beta1';

export interface Negotiated {
  readonly media: 'json' | 'yaml';
  readonly shape: Shape;
  /** Version of meta.k8s.io in which the shape is written. */
  readonly metaVersion: MetaVersion;
  readonly contentType: string;
}

const plainJson: Negotiated = {
  media: 'json',
  shape: 'object',
  metaVersion: 'v1',
  contentType: 'application/json',
};
const plainYaml: Negotiated = {
  media: 'yaml',
  shape: 'object',
  metaVersion: 'v1',
  contentType: 'application/yaml',
};

const shapes: ReadonlyMap<string, Shape> = new Map([
  ['Table', 'table'],
  ['PartialObjectMetadata', 'metadata'],
  ['PartialObjectMetadataList', 'metadataList'],
]);

const metaVersions: readonly MetaVersion[] = ['v1', 'v1beta1'];

interface MediaRange {
  readonly type: string;
  readonly parameters: ReadonlyMap<string, string>;
  readonly quality: number;
}

function parseRange(text: string): MediaRange {
  const [type = '', ...rest] = text.split(';').map((part) => part.trim());
  const parameters = new Map(
    rest.map((part) => {
      const at = part.indexOf('=');
      return at < 0 ? ([part, ''] as const) : ([part.slice(0, at), part.slice(at + 1)] as const);
    }),
  );
  return { type: type.toLowerCase(), parameters, quality: Number(parameters.get('q') ?? 1) };
}

/** A header's media ranges, best first; equal ones in the order written. */
export function parseAccept(header: string): MediaRange[] {
  return header
    .split(',')
    .filter((part) => part.trim() !== '')
    .map(parseRange)
    .filter((range) => range.quality > 0)
    .sort((a, b) => b.quality - a.quality);
}

/** Clients that ask for protobuf read whatever the Content-Type says: they get JSON. */
const jsonRanges: ReadonlySet<string> = new Set([
  'application/json',
  '*/*',
  'application/*',
  'application/vnd.kubernetes.protobuf',
]);

function accept(range: MediaRange): Negotiated | undefined {
  const as = range.parameters.get('as');
  const isJson = jsonRanges.has(range.type);
  if (!isJson && range.type !== 'application/yaml') return undefined;
  const plain = isJson ? plainJson : plainYaml;
  if (as === undefined) return plain;
  const shape = shapes.get(as);
  if (shape === undefined || range.parameters.get('g') !== 'meta.k8s.io') return undefined;
  const version = metaVersions.find((known) => known === (range.parameters.get('v') ?? 'v1'));
  if (version === undefined) return undefined;
  return { ...plain, shape, metaVersion: version };
}

const negotiatedBefore = new Map<string, Negotiated>();
const rememberedHeaders = 256;

/** @throws StatusError 406 when nothing that is accepted can be served. */
export function negotiate(header: string | undefined, forWatch = false): Negotiated {
  if (header === undefined || header === '' || header === 'application/json' || header === '*/*')
    return plainJson;
  const known = negotiatedBefore.get(header);
  if (known !== undefined) return known;
  for (const range of parseAccept(header)) {
    const found = accept(range);
    if (found === undefined) continue;
    if (negotiatedBefore.size < rememberedHeaders) negotiatedBefore.set(header, found);
    return found;
  }
  throw parseAccept(header).some((range) => range.parameters.has('as'))
    ? unknownShape()
    : notAcceptable(forWatch);
}

/** For errors, which must leave in some form: JSON when nothing fits. */
export function negotiateError(header: string | undefined): Negotiated {
  try {
    return { ...negotiate(header), shape: 'object' };
  } catch {
    // 406 is itself told in JSON.
    return plainJson;
  }
}

const representations = 'application/json, application/yaml, application/vnd.kubernetes.protobuf';
const streamed = ', application/json;stream=watch, application/vnd.kubernetes.protobuf;stream=watch';

/** The media type would do, but not the transformation. */
function unknownShape(): StatusError {
  const message = `only the following media types are accepted: ${representations}`;
  return new StatusError({ reason: 'NotAcceptable', code: 406, message });
}

function notAcceptable(forWatch: boolean): StatusError {
  return new StatusError({
    reason: 'NotAcceptable',
    code: 406,
    message: `406: Not Acceptable\n\nAvailable representations: ${representations}${forWatch ? streamed : ''}`,
    details: {},
  });
}
