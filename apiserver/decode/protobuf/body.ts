import { WireError, WireReader, wireBytes } from './wire.ts';

export const protobufType = 'application/vnd.kubernetes.protobuf';

const prefix: Buffer = Buffer.from('k8s\0', 'latin1');

/** What stands around the bytes of an object. @see runtime.Unknown */
export interface ProtobufEnvelope {
  readonly apiVersion: string;
  readonly kind: string;
  readonly raw: Buffer;
}

/** @throws WireError when the body is no such thing, in Kubernetes' words */
export function readEnvelope(body: Buffer): ProtobufEnvelope {
  if (body.length === 0) throw new WireError('empty data');
  if (!body.subarray(0, prefix.length).equals(prefix))
    throw new WireError(
      `provided data does not appear to be a protobuf message, expected prefix [${prefix.join(' ')}]`,
    );
  if (body.length === prefix.length) throw new WireError('empty body');
  const reader = new WireReader(body.subarray(prefix.length));
  let envelope: ProtobufEnvelope = { apiVersion: '', kind: '', raw: Buffer.alloc(0) };
  while (!reader.done) {
    const tag = reader.tag();
    if (tag === 8 + wireBytes) envelope = { ...envelope, ...readTypeMeta(reader.bytes()) };
    else if (tag === 16 + wireBytes) envelope = { ...envelope, raw: reader.bytes() };
    else reader.skip(tag % 8);
  }
  return envelope;
}

function readTypeMeta(bytes: Buffer): Omit<ProtobufEnvelope, 'raw'> {
  const reader = new WireReader(bytes);
  let apiVersion = '';
  let kind = '';
  while (!reader.done) {
    const tag = reader.tag();
    if (tag === 8 + wireBytes) apiVersion = reader.text();
    else if (tag === 16 + wireBytes) kind = reader.text();
    else reader.skip(tag % 8);
  }
  return { apiVersion, kind };
}
