/**
 * Where in a Lease's JSON the two things stand that a renewal changes, so that it is cut in there and the rest is
 * copied: nothing is parsed, and nothing else can change. The places are found once, by serialising the Lease with
 * marks in them; they hold for the bytes that were made that way, which are known by their resourceVersion.
 */
import { randomUUID } from 'node:crypto';
import type { Lease } from '../../api/generated/coordination-v1.ts';
import type { AnyObject } from '../../api/kind-info.ts';
import { loadAnnotation } from '../../api/node-load.ts';
import { prepareObject } from '../storage/envelope.ts';
import type { VersionlessObject } from '../storage/storage.ts';
import type { Renewal } from './renewal.ts';

/** Of a canonical MicroTime, as `2026-01-02T03:04:05.000000Z`. */
const timeLength = 27;
/** Leases that are remembered. Each takes some two hundred bytes. */
const rememberedTexts = 20_000;

/** Places are counted in the JSON without a resourceVersion. */
export interface LeaseText {
  readonly storageVersion: string;
  readonly holderIdentity: string;
  readonly renewTime: string;
  /** Where the resourceVersion belongs. */
  readonly offset: number;
  /** Of the renewal's time. */
  readonly timeAt: number;
  /** Of the load, its quotes included; both 0 where the Lease tells none. */
  readonly loadAt: number;
  readonly loadEnd: number;
}

export interface RenewedText {
  readonly bytes: VersionlessObject;
  /** Undefined where the places are not certain: the next renewal looks for them again. */
  readonly text: LeaseText | undefined;
}

/** The Leases whose places are known, by name. */
export class LeaseTexts {
  readonly #texts = new Map<string, { readonly version: number; readonly text: LeaseText }>();

  /** Undefined unless it is that of the bytes at `version`. */
  get(name: string, version: number): LeaseText | undefined {
    const known = this.#texts.get(name);
    return known?.version === version ? known.text : undefined;
  }

  remember(name: string, version: number, text: LeaseText): void {
    if (this.#texts.size >= rememberedTexts && !this.#texts.has(name)) this.#texts.clear();
    this.#texts.set(name, { version, text });
  }
}

/** The bytes of `lease`, and where in them the next renewal will cut. */
export function toLeaseText(lease: AnyObject): RenewedText {
  const bytes = prepareObject(lease);
  const { spec, metadata } = lease as Lease & AnyObject;
  const load = metadata.annotations?.[loadAnnotation];
  const timeMark = randomUUID().slice(0, timeLength);
  const loadMark = randomUUID();
  const annotations =
    load === undefined ? {} : { annotations: { ...metadata.annotations, [loadAnnotation]: loadMark } };
  const marked = prepareObject({
    ...lease,
    metadata: { ...metadata, ...annotations },
    spec: { ...spec, renewTime: timeMark },
  }).json.toString();
  const text = {
    ...{ storageVersion: bytes.storageVersion, offset: bytes.offset },
    ...{ holderIdentity: spec?.holderIdentity ?? '', renewTime: spec?.renewTime ?? '' },
  };
  const loadAt = load === undefined ? 0 : byteAt(marked, `"${loadMark}"`);
  const loadEnd = load === undefined ? 0 : loadAt + Buffer.byteLength(JSON.stringify(load));
  const longer = load === undefined ? 0 : loadEnd - loadAt - loadMark.length - 2;
  const markAt = byteAt(marked, timeMark);
  const timeAt = markAt + (loadAt < markAt ? longer : 0);
  const isCertain = text.renewTime.length === timeLength && (load === undefined || loadAt < timeAt);
  return { bytes, text: isCertain ? { ...text, timeAt, loadAt, loadEnd } : undefined };
}

const byteAt = (text: string, mark: string): number => Buffer.byteLength(text.slice(0, text.indexOf(mark)));

/**
 * @param json the Lease's, with its resourceVersion of `digits` digits
 * @param text that of these bytes
 * @returns undefined for a Lease that tells no load yet and shall
 */
export function renewedText(
  json: Buffer,
  digits: number,
  { text, renewal }: { readonly text: LeaseText; readonly renewal: Renewal },
): RenewedText | undefined {
  const { storageVersion, offset } = text;
  const { renewTime, load } = renewal;
  if (load !== undefined && text.loadEnd === 0) return undefined;
  const quoted = load === undefined ? '' : JSON.stringify(load);
  const loadEnd = load === undefined ? text.loadEnd : text.loadAt + Buffer.byteLength(quoted);
  const shift = loadEnd - text.loadEnd;
  const timeAt = text.timeAt + shift;
  const bytes = Buffer.allocUnsafe(json.length - digits + shift);
  json.copy(bytes, 0, 0, offset);
  // From the load on everything stands elsewhere.
  const cut = load === undefined ? offset : text.loadAt;
  json.copy(bytes, offset, offset + digits, cut + digits);
  if (load !== undefined) bytes.write(quoted, text.loadAt);
  json.copy(bytes, load === undefined ? cut : loadEnd, (load === undefined ? cut : text.loadEnd) + digits);
  bytes.write(renewTime, timeAt, 'latin1');
  return {
    bytes: { storageVersion, json: bytes, offset },
    text: { ...text, renewTime, timeAt, loadEnd },
  };
}
