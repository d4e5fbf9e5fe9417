import type { AnyObject } from '../../api/kind-info.ts';
import { toApiVersion } from '../../api/kind-info.ts';
import type { Clock } from '../../base/clock.ts';
import type { KindStrategy } from '../registry/strategy.ts';
import { parseObject } from '../store/object-source.ts';
import { fromStored, viewJson } from '../store/stored-view.ts';
import type { WatchEncoding } from '../watch-cache/read-cache.ts';
import { type IncludeObject, tableRow, toMetadataOnly, toTable } from './shapes.ts';

type EventType = 'ADDED' | 'MODIFIED' | 'DELETED' | 'BOOKMARK' | 'ERROR';

const heads: Readonly<Record<EventType, Buffer>> = {
  ADDED: Buffer.from('{"type":"ADDED","object":'),
  MODIFIED: Buffer.from('{"type":"MODIFIED","object":'),
  DELETED: Buffer.from('{"type":"DELETED","object":'),
  BOOKMARK: Buffer.from('{"type":"BOOKMARK","object":'),
  ERROR: Buffer.from('{"type":"ERROR","object":'),
};
const tail = Buffer.from('}\n');

const frame = (type: EventType, json: Buffer): Buffer => Buffer.concat([heads[type], json, tail]);
const objectFrame = (type: EventType, object: object): Buffer =>
  frame(type, Buffer.from(JSON.stringify(object)));
const errorFrame = (status: object): Buffer => objectFrame('ERROR', status);

export function bookmarkMetadata(version: number, initialEventsEnd: boolean): object {
  const resourceVersion = String(version);
  return initialEventsEnd
    ? { resourceVersion, annotations: { 'k8s.io/initial-events-end': 'true' } }
    : { resourceVersion };
}

/** One for each kind, whatever the number of its watches. */
const objectEncodings = new WeakMap<KindStrategy, WatchEncoding>();

/** The object itself: cached bytes in a frame. */
export function objectEncoding(strategy: KindStrategy): WatchEncoding {
  const known = objectEncodings.get(strategy);
  if (known !== undefined) return known;
  const created = createObjectEncoding(strategy);
  objectEncodings.set(strategy, created);
  return created;
}

function createObjectEncoding(strategy: KindStrategy): WatchEncoding {
  const { kind } = strategy.kind;
  const apiVersion = toApiVersion(strategy.kind);
  return {
    id: `object ${apiVersion}`,
    hasFirst: false,
    encode: (type, object) => frame(type, viewJson(strategy, object.json, object.version)),
    bookmark: (version, end) =>
      objectFrame('BOOKMARK', { kind, apiVersion, metadata: bookmarkMetadata(version, end) }),
    error: errorFrame,
  };
}

const metadata: WatchEncoding = {
  id: 'metadata',
  hasFirst: false,
  encode: (type, object) => objectFrame(type, toMetadataOnly(parseObject(object.json))),
  bookmark: (version, end) =>
    objectFrame('BOOKMARK', toMetadataOnly({ metadata: bookmarkMetadata(version, end) })),
  error: errorFrame,
};

export function metadataEncoding(): WatchEncoding {
  return metadata;
}

/** Rows; only the first event of a watch carries the columns. */
export function tableEncoding(
  strategy: KindStrategy,
  include: IncludeObject,
  clock: Clock,
  /** The kind's zero value: a bookmark's row is made of it. */
  zero: AnyObject,
): WatchEncoding {
  const apiVersion = toApiVersion(strategy.kind);
  return {
    id: `table ${apiVersion} ${include}`,
    hasFirst: true,
    encode: (type, object, first) => {
      const row = tableRow(strategy, fromStored(strategy, object.json), include, clock.nowMs());
      const head = { resourceVersion: String(object.version) };
      return objectFrame(type, toTable(strategy, [row], head, first));
    },
    bookmark: (version, end) => {
      const metadata = bookmarkMetadata(version, end);
      const { cells } = tableRow(strategy, zero, 'None', clock.nowMs());
      const row = { cells, object: toMetadataOnly({ metadata }) };
      return objectFrame('BOOKMARK', toTable(strategy, [row], { resourceVersion: String(version) }, false));
    },
    error: errorFrame,
  };
}
