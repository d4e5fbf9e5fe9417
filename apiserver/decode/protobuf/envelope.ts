/**
 * What stands around the bytes of an object: `k8s\0` and a `runtime.Unknown`. Everything here takes messages together with
 * their length, as they stand in an envelope and in a list alike.
 */
export interface TypeMeta {
  readonly apiVersion: string;
  readonly kind: string;
}

/** Content encoding and content type, which are empty. */
export const envelopeEnd: Buffer = Buffer.from([0x1a, 0, 0x22, 0]);

const magic = Buffer.from('k8s\0', 'latin1');
const firstTag = Buffer.from([0x0a]);
const secondTag = Buffer.from([0x12]);

export function varint(value: number): Buffer {
  const bytes: number[] = [];
  let rest = value;
  for (; rest >= 0x80; rest = Math.floor(rest / 0x80)) bytes.push((rest % 0x80) | 0x80);
  return Buffer.from([...bytes, rest]);
}

const sizedText = (text: string): Buffer =>
  Buffer.concat([varint(Buffer.byteLength(text)), Buffer.from(text)]);

/** All before the object's length. */
export function envelopeHead({ apiVersion, kind }: TypeMeta): Buffer {
  const typeMeta = Buffer.concat([firstTag, sizedText(apiVersion), secondTag, sizedText(kind)]);
  return Buffer.concat([magic, firstTag, varint(typeMeta.length), typeMeta, secondTag]);
}

export function enclose(head: Buffer, sized: Buffer): Buffer {
  return Buffer.concat([head, sized, envelopeEnd]);
}

/** A watch event as a frame: its length in four bytes, then a `WatchEvent` that holds an enclosed object. */
export function watchFrame(type: string, head: Buffer, sized: Buffer): Buffer {
  const inner = head.length + sized.length + envelopeEnd.length;
  const innerLength = varint(inner);
  const extension = firstTag.length + innerLength.length + inner;
  const start = Buffer.concat([
    firstTag,
    sizedText(type),
    secondTag,
    varint(extension),
    firstTag,
    innerLength,
  ]);
  const length = Buffer.allocUnsafe(4);
  length.writeUInt32BE(start.length + inner);
  return Buffer.concat([length, start, head, sized, envelopeEnd]);
}
