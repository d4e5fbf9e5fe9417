/** DER tags. @see ITU-T X.690 */
const integerTag = 0x02;
const oidTag = 0x06;
const sequenceTag = 0x30;
const setTag = 0x31;
/** 2.5.4.3 */
const commonName = Buffer.from([0x55, 0x04, 0x03]);

interface Element {
  readonly tag: number;
  readonly body: Buffer;
  readonly rest: Buffer;
}

/**
 * The common name that a certificate signing request (base64 of PEM, as in `spec.request`) asks for: the last one when there are several,
 * as Go reads it. Undefined when it cannot be read.
 * @see RFC 2986
 */
export function requestedCommonName(request: string): string | undefined {
  const pem = Buffer.from(request, 'base64').toString('latin1');
  const body = /-----BEGIN CERTIFICATE REQUEST-----([\s\S]*?)-----END/.exec(pem)?.[1];
  if (body === undefined) return undefined;
  const info = inside(inside(Buffer.from(body, 'base64'), sequenceTag), sequenceTag);
  const version = element(info);
  if (version?.tag !== integerTag) return undefined;
  const subject = element(version.rest);
  if (subject?.tag !== sequenceTag) return undefined;
  const names = children(subject.body, setTag)
    .flatMap((set) => children(set, sequenceTag))
    .map(attributeOf)
    .filter((value) => value !== undefined);
  return names.at(-1) ?? '';
}

function attributeOf(pair: Buffer): string | undefined {
  const type = element(pair);
  if (type?.tag !== oidTag || !type.body.equals(commonName)) return undefined;
  return element(type.rest)?.body.toString();
}

function children(body: Buffer, tag: number): Buffer[] {
  const found: Buffer[] = [];
  for (let next = element(body); next !== undefined; next = element(next.rest))
    if (next.tag === tag) found.push(next.body);
  return found;
}

function inside(bytes: Buffer, tag: number): Buffer {
  const outer = element(bytes);
  return outer?.tag === tag ? outer.body : Buffer.alloc(0);
}

function element(bytes: Buffer): Element | undefined {
  const [tag, first] = bytes;
  if (tag === undefined || first === undefined) return undefined;
  const extra = first < 0x80 ? 0 : first & 0x7f;
  if (extra > 4 || bytes.length < 2 + extra) return undefined;
  const length = extra === 0 ? first : bytes.readUIntBE(2, extra);
  const start = 2 + extra;
  if (start + length > bytes.length) return undefined;
  return { tag, body: bytes.subarray(start, start + length), rest: bytes.subarray(start + length) };
}
