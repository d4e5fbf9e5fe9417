import { toMicroTime, toTime } from '../../../base/clock.ts';
import { parseJson } from '../json-text.ts';
import { WireError, WireReader, wireBytes, wireVarint } from './wire.ts';

/** Messages whose JSON is no object with the same fields. */
export type SpecialMessage = (bytes: Buffer) => unknown;

const tagOf = (field: number, wireType: number): number => field * 8 + wireType;

/** Calls `read` for every field; it says whether it has taken the value. */
function forEachField(bytes: Buffer, read: (tag: number, reader: WireReader) => boolean): void {
  const reader = new WireReader(bytes);
  while (!reader.done) {
    const tag = reader.tag();
    if (!read(tag, reader)) reader.skip(tag % 8);
  }
}

/** No field at all is the zero quantity. */
const quantity: SpecialMessage = (bytes) => {
  let text = '0';
  forEachField(bytes, (tag, reader) => {
    if (tag !== tagOf(1, wireBytes)) return false;
    text = reader.text();
    return true;
  });
  return text;
};

const intOrString: SpecialMessage = (bytes) => {
  let isText = false;
  let number = 0;
  let text = '';
  forEachField(bytes, (tag, reader) => {
    if (tag === tagOf(1, wireVarint)) isText = reader.int64() === 1;
    else if (tag === tagOf(2, wireVarint)) number = reader.int32();
    else if (tag === tagOf(3, wireBytes)) text = reader.text();
    else return false;
    return true;
  });
  return isText ? text : number;
};

const maxTimeMs = Date.UTC(9999, 11, 31, 23, 59, 59);
const minTimeMs = Date.parse('0000-01-01T00:00:00Z');
/** Go's zero time, written out. */
const zeroTimeMs = Date.parse('0001-01-01T00:00:00Z');

/** Zero seconds and nanoseconds are Go's zero time, which is null in JSON. */
function timeWith(format: (ms: number, nanos: number) => string): SpecialMessage {
  return (bytes) => {
    let seconds = 0;
    let nanos = 0;
    forEachField(bytes, (tag, reader) => {
      if (tag === tagOf(1, wireVarint)) seconds = reader.int64();
      else if (tag === tagOf(2, wireVarint)) nanos = reader.int32();
      else return false;
      return true;
    });
    const ms = seconds * 1000 + Math.floor(nanos / 1e6);
    if ((seconds === 0 && nanos === 0) || (ms === zeroTimeMs && nanos === 0)) return null;
    if (!(ms >= minTimeMs && ms <= maxTimeMs))
      throw new WireError('Time.MarshalJSON: year outside of range [0,9999]');
    return format(ms, nanos);
  };
}

const time = timeWith((ms) => toTime(ms));

const microTime = timeWith((ms, nanos) => {
  const micros = ((nanos % 1e9) + 1e9) % 1e9;
  return toMicroTime(ms).replace(/\.\d{6}/, `.${String(Math.floor(micros / 1000)).padStart(6, '0')}`);
});

/** JSON inside: nothing at all is null. */
const rawJson: SpecialMessage = (bytes) => {
  let raw: Buffer | undefined;
  forEachField(bytes, (tag, reader) => {
    if (tag !== tagOf(1, wireBytes)) return false;
    raw = reader.bytes();
    return true;
  });
  if (raw === undefined || raw.length === 0) return null;
  try {
    return parseJson(raw.toString()).value;
  } catch (error) {
    if (!(error instanceof Error)) throw error;
    throw new WireError(error.message, { cause: error });
  }
};

/** A list of texts that is a type of its own. */
const textItems: SpecialMessage = (bytes) => {
  const items: string[] = [];
  forEachField(bytes, (tag, reader) => {
    if (tag !== tagOf(1, wireBytes)) return false;
    items.push(reader.text());
    return true;
  });
  return items;
};

const machinery = 'k8s.io.apimachinery.pkg';
const extensions = 'k8s.io.apiextensions_apiserver.pkg.apis.apiextensions.v1';

export const specialMessages: ReadonlyMap<string, SpecialMessage> = new Map([
  [`${machinery}.api.resource.Quantity`, quantity],
  [`${machinery}.util.intstr.IntOrString`, intOrString],
  [`${machinery}.apis.meta.v1.Time`, time],
  [`${machinery}.apis.meta.v1.MicroTime`, microTime],
  [`${machinery}.apis.meta.v1.FieldsV1`, rawJson],
  [`${machinery}.runtime.RawExtension`, rawJson],
  [`${extensions}.JSON`, rawJson],
  [`${machinery}.apis.meta.v1.Verbs`, textItems],
  ['k8s.io.api.authentication.v1.ExtraValue', textItems],
  ['k8s.io.api.authorization.v1.ExtraValue', textItems],
  ['k8s.io.api.certificates.v1.ExtraValue', textItems],
]);

/**
 * Parts of a JSON schema that are a schema or something simpler. Read as a message first, then reduced to the one
 * that counts.
 */
export const eitherMessages: ReadonlyMap<string, (fields: Readonly<Record<string, unknown>>) => unknown> =
  new Map([
    [`${extensions}.JSONSchemaPropsOrBool`, ({ schema, allows }) => schema ?? allows ?? false],
    [`${extensions}.JSONSchemaPropsOrArray`, ({ schema, jSONSchemas }) => jSONSchemas ?? schema ?? null],
    [`${extensions}.JSONSchemaPropsOrStringArray`, ({ schema, property }) => property ?? schema ?? null],
  ]);
