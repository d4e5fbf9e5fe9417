/**
 * Whom a certificate signing request is about. Who signs reads it with a parser of its own, so only what every reader understands in the
 * same way is read here: one PEM block, DER with its shortest lengths, strings of the types that names are made of.
 * @see RFC 2986, ITU-T X.690
 */

/** DER tags. */
const integerTag = 0x02;
const oidTag = 0x06;
const sequenceTag = 0x30;
const setTag = 0x31;

/** 2.5.4.3 */
const commonName = Buffer.from([0x55, 0x04, 0x03]);
/** 2.5.4.10 */
const organization = Buffer.from([0x55, 0x04, 0x0a]);

/** By tag; what is none of these names nobody. */
const textOf: ReadonlyMap<number, (bytes: Buffer) => string | undefined> = new Map([
  // UTF8String, PrintableString, IA5String
  ...[0x0c, 0x13, 0x16].map((tag) => [tag, (bytes: Buffer) => bytes.toString()] as const),
  // T61String
  [0x14, (bytes) => bytes.toString('latin1')],
  // BMPString: two bytes a letter, the greater one first
  [0x1e, (bytes) => (bytes.length % 2 === 0 ? Buffer.from(bytes).swap16().toString('utf16le') : undefined)],
]);

export interface RequestedSubject {
  /** The last one when there are several, as everybody reads it; empty when there is none. */
  readonly commonName: string;
  readonly organizations: readonly string[];
}

const onlyBlock =
  /^[^-]*-----BEGIN CERTIFICATE REQUEST-----([A-Za-z0-9+/=\s]*)-----END CERTIFICATE REQUEST-----\s*$/;
const base64 = /^[A-Za-z0-9+/]+={0,2}$/;

/** @param request base64 of PEM, as in `spec.request`. Undefined when it cannot be read. */
export function requestedSubject(request: string): RequestedSubject | undefined {
  const body =
    onlyBlock.exec(Buffer.from(request, 'base64').toString('latin1'))?.[1]?.replaceAll(/\s/g, '') ?? '';
  const outer = base64.test(body) ? element(Buffer.from(body, 'base64')) : undefined;
  if (outer?.tag !== sequenceTag || outer.rest.length > 0) return undefined;
  const info = element(outer.body);
  const version = info?.tag === sequenceTag ? element(info.body) : undefined;
  const subject = version?.tag === integerTag ? element(version.rest) : undefined;
  const names = subject?.tag === sequenceTag ? attributesOf(subject.body) : undefined;
  if (names === undefined) return undefined;
  const valuesOf = (type: Buffer): string[] =>
    names.flatMap((name) => (name.type.equals(type) ? [name.value] : []));
  return { commonName: valuesOf(commonName).at(-1) ?? '', organizations: valuesOf(organization) };
}

interface Attribute {
  readonly type: Buffer;
  readonly value: string;
}

/** Undefined when one of them cannot be read. */
function attributesOf(subject: Buffer): Attribute[] | undefined {
  const found: Attribute[] = [];
  for (const set of elements(subject) ?? [undefined])
    for (const pair of (set?.tag === setTag ? elements(set.body) : undefined) ?? [undefined]) {
      const attribute = pair?.tag === sequenceTag ? attributeOf(pair.body) : undefined;
      if (attribute === undefined) return undefined;
      found.push(attribute);
    }
  return found;
}

function attributeOf(pair: Buffer): Attribute | undefined {
  const [type, value, ...more] = elements(pair) ?? [];
  if (type?.tag !== oidTag || value === undefined || more.length > 0) return undefined;
  const text = textOf.get(value.tag)?.(value.body);
  return text === undefined ? undefined : { type: type.body, value: text };
}

interface Element {
  readonly tag: number;
  readonly body: Buffer;
  readonly rest: Buffer;
}

/** One after the other to the end; undefined when there is something else. */
function elements(bytes: Buffer): Element[] | undefined {
  const found: Element[] = [];
  for (let rest = bytes; rest.length > 0; ) {
    const next = element(rest);
    if (next === undefined) return undefined;
    found.push(next);
    rest = next.rest;
  }
  return found;
}

function element(bytes: Buffer): Element | undefined {
  const [tag, first] = bytes;
  if (tag === undefined || first === undefined) return undefined;
  const extra = first < 0x80 ? 0 : first & 0x7f;
  if (first === 0x80 || extra > 4 || bytes.length < 2 + extra) return undefined;
  const length = extra === 0 ? first : bytes.readUIntBE(2, extra);
  // A length has one form only.
  if (extra > 0 && (length < 0x80 || length < 2 ** (8 * (extra - 1)))) return undefined;
  const start = 2 + extra;
  if (start + length > bytes.length) return undefined;
  return { tag, body: bytes.subarray(start, start + length), rest: bytes.subarray(start + length) };
}
