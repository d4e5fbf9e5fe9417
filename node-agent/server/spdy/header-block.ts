/**
 * Header blocks of SPDY/3.1: name and value pairs, compressed by one zlib stream per direction with a dictionary that
 * both sides know.
 *
 * What is sent needs no compressor of its own: after the stream's first bytes every block is a stored one, which zlib's
 * format allows, so that nothing has to be kept and nothing is asynchronous.
 *
 * @see SPDY/3.1 draft, 2.6.10 "Name/Value Header Block"
 */
import { constants, createInflate, deflateSync } from 'node:zlib';

/** What a peer may send as headers of one stream, uncompressed. Kubernetes' are some hundred bytes. */
const maxBlockBytes = 64 * 1024;

/** Each with its length before it. */
const dictionaryWords = [
  ...'options head post put delete trace accept accept-charset accept-encoding accept-language accept-ranges'.split(
    ' ',
  ),
  ...'age allow authorization cache-control connection content-base content-encoding content-language'.split(
    ' ',
  ),
  ...'content-length content-location content-md5 content-range content-type date etag expect expires'.split(
    ' ',
  ),
  ...'from host if-match if-modified-since if-none-match if-range if-unmodified-since last-modified'.split(
    ' ',
  ),
  ...'location max-forwards pragma proxy-authenticate proxy-authorization range referer retry-after'.split(
    ' ',
  ),
  ...'server te trailer transfer-encoding upgrade user-agent vary via warning www-authenticate'.split(' '),
  ...['method', 'get', 'status', '200 OK', 'version', 'HTTP/1.1', 'url', 'public', 'set-cookie'],
  ...['keep-alive', 'origin'],
];

const dictionaryTail = [
  '100101201202205206300302303304305306307402405406407408409410411412413414415416417502504505',
  '203 Non-Authoritative Information204 No Content301 Moved Permanently400 Bad Request401 Unauthorized',
  '403 Forbidden404 Not Found500 Internal Server Error501 Not Implemented503 Service Unavailable',
  'Jan Feb Mar Apr May Jun Jul Aug Sept Oct Nov Dec 00:00:00 Mon, Tue, Wed, Thu, Fri, Sat, Sun, GMT',
  'chunked,text/html,image/png,image/jpg,image/gif,application/xml,application/xhtml+xml,text/plain,',
  'text/javascript,publicprivatemax-age=gzip,deflate,sdchcharset=utf-8charset=iso-8859-1,utf-,*,enq=0.',
].join('');

export const spdyDictionary: Buffer = Buffer.concat([
  ...dictionaryWords.map(sized),
  Buffer.from(dictionaryTail),
]);

function sized(text: string): Buffer {
  const bytes = Buffer.from(text);
  const length = Buffer.alloc(4);
  length.writeUInt32BE(bytes.length);
  return Buffer.concat([length, bytes]);
}

/** The headers that one side sends, block by block. */
export class HeaderWriter {
  #isBegun = false;

  write(headers: ReadonlyMap<string, string>): Buffer {
    const count = Buffer.alloc(4);
    count.writeUInt32BE(headers.size);
    const block = Buffer.concat([
      count,
      ...[...headers].flatMap(([name, value]) => [sized(name), sized(value)]),
    ]);
    // The empty block is what a compressor's flush ends with: Go's reader hands on nothing before it.
    if (this.#isBegun) return Buffer.concat([storedBlock(block), storedBlock(Buffer.alloc(0))]);
    this.#isBegun = true;
    return deflateSync(block, { dictionary: spdyDictionary, finishFlush: constants.Z_SYNC_FLUSH });
  }
}

/** RFC 1951, 3.2.4: a block that is not the last one, and not compressed. */
function storedBlock(bytes: Buffer): Buffer {
  const head = Buffer.alloc(5);
  head.writeUInt16LE(bytes.length, 1);
  head.writeUInt16LE(~bytes.length & 0xffff, 3);
  return Buffer.concat([head, bytes]);
}

/** The headers that one side receives. Blocks must be read in their order, one after another. */
export class HeaderReader {
  readonly #inflate = createInflate({ dictionary: spdyDictionary });
  #chunks: Buffer[] = [];
  #length = 0;

  constructor() {
    this.#inflate.on('data', (chunk: Buffer) => {
      this.#length += chunk.length;
      if (this.#length > maxBlockBytes) this.#inflate.destroy(new Error('SPDY: headers are too long'));
      else this.#chunks.push(chunk);
    });
    // Each read has its own listener; this one is for the time between two.
    this.#inflate.on('error', () => undefined);
  }

  /** @throws Error when the block is no header block */
  async read(compressed: Buffer): Promise<Map<string, string>> {
    this.#chunks = [];
    this.#length = 0;
    await new Promise<void>((resolve, reject) => {
      this.#inflate.once('error', reject);
      this.#inflate.write(compressed, (error) => {
        this.#inflate.removeListener('error', reject);
        if (error) reject(error);
        else resolve();
      });
    });
    return parseHeaders(Buffer.concat(this.#chunks));
  }

  close(): void {
    this.#inflate.destroy();
  }
}

/** Names in lower case, as HTTP has them. @throws RangeError when the block is cut off */
function parseHeaders(block: Buffer): Map<string, string> {
  const headers = new Map<string, string>();
  let at = 4;
  const next = (): string => {
    const start = at + 4;
    at = start + block.readUInt32BE(at);
    if (at > block.length) throw new RangeError('SPDY: headers are cut off');
    return block.toString('utf8', start, at);
  };
  for (let left = block.readUInt32BE(0); left > 0; left -= 1) {
    const name = next().toLowerCase();
    headers.set(name, next());
  }
  return headers;
}
