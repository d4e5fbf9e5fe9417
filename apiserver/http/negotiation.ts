import { StatusError } from '../../api/status-error.ts';
import { protobufType } from '../decode/protobuf/body.ts';

/** How an object leaves: as itself, as rows, or as its metadata only. */
export type Shape = 'object' | 'table' | 'metadata' | 'metadataList';

export type MetaVersion = 'v1' | 'v1beta1';

export type Media = 'json' | 'yaml' | 'protobuf';

export interface Negotiated {
  readonly media: Media;
  readonly shape: Shape;
  /** Version of meta.k8s.io in which the shape is written. */
  readonly metaVersion: MetaVersion;
  readonly contentType: string;
}

const plain = (media: Media, contentType: string): Negotiated => ({
  media,
  shape: 'object',
  metaVersion: 'v1',
  contentType,
});

export const plainJson: Negotiated = plain('json', 'application/json');
/** What can be served, the first where the client leaves the choice. */
const offers: readonly Negotiated[] = [
  plainJson,
  plain('yaml', 'application/yaml'),
  plain('protobuf', protobufType),
];

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

/** `*` gives way to what is named. */
const vagueness = ({ type }: MediaRange): number => (type.startsWith('*') ? 2 : type.endsWith('/*') ? 1 : 0);

/** A header's media ranges, best first; of equal quality those that name more, and otherwise as written. */
export function parseAccept(header: string): MediaRange[] {
  return header
    .split(',')
    .filter((part) => part.trim() !== '')
    .map(parseRange)
    .filter((range) => range.quality > 0)
    .sort((a, b) => b.quality - a.quality || vagueness(a) - vagueness(b));
}

const includes = (range: string, contentType: string): boolean =>
  range === contentType ||
  range === '*/*' ||
  (range === 'application/*' && contentType.startsWith('application/'));

/** What is asked beside the media type; undefined when it cannot be served in `media`. */
function transform(
  { parameters }: MediaRange,
  media: Media,
): Pick<Negotiated, 'shape' | 'metaVersion'> | undefined {
  const stream = parameters.get('stream') ?? '';
  if (stream !== '' && (stream !== 'watch' || media === 'yaml')) return undefined;
  if (!transformations.some((name) => parameters.has(name))) return plainJson;
  const shape = shapes.get(parameters.get('as') ?? '');
  const metaVersion = metaVersions.find((known) => known === (parameters.get('v') ?? 'v1'));
  if (shape === undefined || metaVersion === undefined || parameters.get('g') !== 'meta.k8s.io')
    return undefined;
  // A Table has no message.
  return shape === 'table' && media === 'protobuf' ? undefined : { shape, metaVersion };
}

const transformations = ['as', 'g', 'v'];

function accept(range: MediaRange): Negotiated | undefined {
  for (const offer of offers) {
    const found = includes(range.type, offer.contentType) ? transform(range, offer.media) : undefined;
    if (found !== undefined) return { ...offer, shape: found.shape, metaVersion: found.metaVersion };
  }
  return undefined;
}

const negotiatedBefore = new Map<string, Negotiated>();
const rememberedHeaders = 256;

/** @throws StatusError 406 when nothing that is accepted can be served. */
export function negotiate(header: string | undefined, forWatch = false): Negotiated {
  if (header === undefined || header === '' || header === 'application/json' || header === '*/*')
    return plainJson;
  const known = negotiatedBefore.get(header) ?? best(parseAccept(header));
  if (known === undefined)
    throw parseAccept(header).some((range) => range.parameters.has('as'))
      ? onlyAccepted(representations)
      : notAcceptable(forWatch);
  if (negotiatedBefore.size < rememberedHeaders) negotiatedBefore.set(header, known);
  // YAML has no frames.
  if (forWatch && known.media === 'yaml') throw onlyAccepted(streams);
  return known;
}

/** For what has neither rows nor metadata. @throws StatusError 406 when another shape is asked for */
export function negotiateObject(header: string | undefined): Negotiated {
  const negotiated = negotiate(header);
  if (negotiated.shape !== 'object') throw onlyAccepted(representations);
  return negotiated;
}

function best(ranges: readonly MediaRange[]): Negotiated | undefined {
  for (const range of ranges) {
    const found = accept(range);
    if (found !== undefined) return found;
  }
  return undefined;
}

/** For errors, which have no other shape and must leave in some form: JSON when nothing fits. */
export function negotiateError(header: string | undefined): Negotiated {
  if (header === undefined || header === '' || header === '*/*') return plainJson;
  const plainRanges = parseAccept(header).filter(
    ({ parameters }) => !transformations.some((name) => parameters.has(name)),
  );
  return best(plainRanges) ?? plainJson;
}

const representations = 'application/json, application/yaml, application/vnd.kubernetes.protobuf';
const streams = 'application/json;stream=watch, application/vnd.kubernetes.protobuf;stream=watch';

/** The media type would do, but not what is asked beside it. */
function onlyAccepted(types: string): StatusError {
  const message = `only the following media types are accepted: ${types}`;
  return new StatusError({ reason: 'NotAcceptable', code: 406, message });
}

function notAcceptable(forWatch: boolean): StatusError {
  return new StatusError({
    reason: 'NotAcceptable',
    code: 406,
    message: `406: Not Acceptable\n\nAvailable representations: ${representations}${forWatch ? `, ${streams}` : ''}`,
    details: {},
  });
}
