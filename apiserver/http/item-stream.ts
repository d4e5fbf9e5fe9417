import type { Clock } from '../../base/clock.ts';
import type { CachedObject } from '../watch-cache/read-cache.ts';
import { type BodyStream, openBody } from './body-stream.ts';
import type { ClientResponse } from './client-response.ts';
import { gzipThresholdBytes } from './gzip.ts';

/** Bytes joined before they are written. All that a reader who takes his time holds of us. */
const chunkBytes = 256 * 1024;

export interface ItemList {
  readonly objects: readonly CachedObject[];
  readonly response: ClientResponse;
  readonly clock: Clock;
  readonly gzip: boolean;
}

/** What stands around the items, each part a few bytes. */
export interface Punctuation {
  readonly first: Buffer;
  readonly between: Buffer;
  readonly closing: Buffer;
}

export interface ItemEncoding {
  /** All before the first item. */
  readonly head: Buffer;
  /** JSON when absent. */
  readonly contentType?: string | undefined;
  readonly punctuation?: Punctuation | undefined;
  /** An item without what stands before it: in JSON its opening brace. */
  encode(object: CachedObject): Buffer;
  /** What all items come to, encoded, if that is known. */
  readonly itemBytes?: number | undefined;
  /** Items that are encoded before others get their turn. Default: no more than fill a chunk. */
  readonly yieldEvery?: number | undefined;
}

const ofJson: Punctuation = {
  first: Buffer.from('{'),
  between: Buffer.from(',{'),
  closing: Buffer.from(']}\n'),
};
/** Room for what stands around an item. */
const punctuationBytes = 16;

/** Writes an object whose last field is an array of items, in chunks, at the pace of the reader. */
export async function sendItems(list: ItemList, encoding: ItemEncoding): Promise<void> {
  const { objects, response } = list;
  const { head, yieldEvery = Number.POSITIVE_INFINITY, punctuation = ofJson } = encoding;
  const chunk = new Chunk(head.length);
  chunk.add(head);
  let body: BodyStream | undefined;
  for (const [at, object] of objects.entries()) {
    const item = encoding.encode(object);
    if ((at + 1) % yieldEvery === 0) await turn(list.clock);
    if (!chunk.fits(item.length + punctuationBytes)) {
      body ??= openStream(list, encoding);
      await body.write(chunk.take(item.length));
      if (response.gone) return;
    }
    chunk.add(at === 0 ? punctuation.first : punctuation.between);
    chunk.add(item);
  }
  chunk.add(punctuation.closing);
  const last = chunk.take(0);
  body ??= openStream(list, encoding, last.length);
  await body.end(last);
}

/** `whole` is the length of a list that fits into one chunk. */
function openStream(list: ItemList, encoding: ItemEncoding, whole?: number): BodyStream {
  const { objects, response } = list;
  const length = whole ?? totalLength(encoding, objects.length);
  const gzip = list.gzip && (length === undefined || length > gzipThresholdBytes);
  return openBody(response, { contentType: encoding.contentType ?? 'application/json', gzip, length });
}

function totalLength(
  { head, itemBytes, punctuation = ofJson }: ItemEncoding,
  count: number,
): number | undefined {
  if (itemBytes === undefined) return undefined;
  const { first, between, closing } = punctuation;
  const separators = count === 0 ? 0 : first.length + between.length * (count - 1);
  return head.length + itemBytes + separators + closing.length;
}

/**
 * One buffer that is filled and sent again and again: a list of 40 MB would otherwise leave as much for the garbage
 * collector. What `take` gives must be out of use before the next `add`.
 */
class Chunk {
  #buffer: Buffer;
  #length = 0;

  constructor(least: number) {
    this.#buffer = Buffer.allocUnsafeSlow(Math.max(chunkBytes, least));
  }

  fits(bytes: number): boolean {
    return this.#length + bytes <= this.#buffer.length;
  }

  add(bytes: Buffer): void {
    if (!this.fits(bytes.length)) this.#grow(bytes.length);
    this.#buffer.set(bytes, this.#length);
    this.#length += bytes.length;
  }

  /** What has been added. The next item may need more room than there is. */
  take(nextItem: number): Buffer {
    const taken = this.#buffer.subarray(0, this.#length);
    this.#length = 0;
    const needed = nextItem + punctuationBytes;
    if (needed > this.#buffer.length) this.#buffer = Buffer.allocUnsafeSlow(needed);
    return taken;
  }

  #grow(bytes: number): void {
    const grown = Buffer.allocUnsafeSlow(this.#length + bytes + chunkBytes);
    grown.set(this.#buffer.subarray(0, this.#length));
    this.#buffer = grown;
  }
}

export const turn = (clock: Clock): Promise<void> =>
  new Promise((resolve) => {
    clock.setImmediate(resolve);
  });
