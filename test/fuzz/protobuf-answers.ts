import { protobufType, readEnvelope } from '../../apiserver/decode/protobuf/body.ts';
import { MessageReader } from '../../apiserver/decode/protobuf/message-reader.ts';
import { messageOf } from '../../apiserver/decode/protobuf/object-encoder.ts';
import { WireReader, wireBytes } from '../../apiserver/decode/protobuf/wire.ts';
import { Schemas } from '../../apiserver/decode/schema.ts';

const reader = new MessageReader(new Schemas());
const lengthBytes = 4;

export interface ProtobufEvent {
  readonly type: string;
  readonly object: Record<string, unknown>;
}

export const isProtobuf = (contentType: string): boolean => contentType.startsWith(protobufType);

/** The object in a body or in a frame, as JSON has it. @throws WireError */
export function readProtobuf(body: Buffer): Record<string, unknown> {
  const { apiVersion, kind, raw } = readEnvelope(body);
  const definition = messageOf({ apiVersion, kind })
    .replace(/^k8s\.io\./, 'io.k8s.')
    .replaceAll('_', '-');
  return { kind, apiVersion, ...reader.read(definition, raw) };
}

/** Whole frames of a watch, and what follows them. @throws WireError */
export function readProtobufFrames(bytes: Buffer): {
  readonly events: ProtobufEvent[];
  readonly rest: Buffer;
} {
  const events: ProtobufEvent[] = [];
  let rest = bytes;
  while (rest.length >= lengthBytes && rest.length >= lengthBytes + rest.readUInt32BE(0)) {
    const end = lengthBytes + rest.readUInt32BE(0);
    events.push(readEvent(rest.subarray(lengthBytes, end)));
    rest = rest.subarray(end);
  }
  return { events, rest };
}

/** `WatchEvent`: type (1), object (2), a `RawExtension` with its bytes (1). */
function readEvent(frame: Buffer): ProtobufEvent {
  const event = new WireReader(frame);
  const type = fieldOf(event, 1).toString();
  const extension = new WireReader(fieldOf(event, 2));
  const object = readProtobuf(fieldOf(extension, 1));
  if (!event.done || !extension.done) throw new Error('bytes behind an event');
  return { type, object };
}

function fieldOf(message: WireReader, field: number): Buffer {
  const tag = message.tag();
  if (tag !== field * 8 + wireBytes) throw new Error(`tag ${tag} where field ${field} is to be`);
  return message.bytes();
}

/** What both forms can say: not whether a list, a map or a struct that Go holds by value is empty or absent. */
export function withoutEmpty(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withoutEmpty);
  if (typeof value !== 'object' || value === null) return value;
  const kept = Object.entries(value)
    .map(([key, item]) => [key, withoutEmpty(item)] as const)
    .filter(([, item]) => item !== null && !(typeof item === 'object' && Object.keys(item).length === 0));
  return Object.fromEntries(kept);
}

/** Objects inside objects have no kind in protobuf. */
export function withoutTypes(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withoutTypes);
  if (typeof value !== 'object' || value === null) return value;
  const isWhole = 'metadata' in value || 'volumeClaimTemplates' in value;
  const kept = Object.entries(value).filter(([key]) => !isWhole || (key !== 'apiVersion' && key !== 'kind'));
  return Object.fromEntries(kept.map(([key, item]) => [key, withoutTypes(item)]));
}
