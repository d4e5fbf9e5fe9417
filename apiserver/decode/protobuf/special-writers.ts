import type { WireWriter } from './wire-writer.ts';

/** Writes the fields of a message whose JSON is no object with the same fields; `value` is what JSON has, if anything. */
export type SpecialWriter = (writer: WireWriter, value: unknown) => void;

const firstVarint = 0x08;
const firstBytes = 0x0a;
const secondVarint = 0x10;
const thirdBytes = 0x1a;

const quantity: SpecialWriter = (writer, value) => {
  writer.text(firstBytes, value === undefined || value === null ? '0' : String(value));
};

const intOrString: SpecialWriter = (writer, value) => {
  const isText = typeof value === 'string';
  writer.text(thirdBytes, isText ? value : '');
  writer.integer(typeof value === 'number' ? value : 0);
  writer.varint(secondVarint);
  writer.varint(isText ? 1 : 0);
  writer.varint(firstVarint);
};

function timestamp(writer: WireWriter, seconds: number, nanos: number): void {
  writer.integer(nanos);
  writer.varint(secondVarint);
  writer.integer(seconds);
  writer.varint(firstVarint);
}

/** Go's zero time is an empty message. */
const time: SpecialWriter = (writer, value) => {
  if (typeof value === 'string') timestamp(writer, Math.floor(Date.parse(value) / 1000), 0);
};

const microTime: SpecialWriter = (writer, value) => {
  if (typeof value !== 'string') return;
  const micros = Number(/\.(\d{6})/.exec(value)?.[1] ?? 0);
  timestamp(writer, Math.floor(Date.parse(value) / 1000), micros * 1000);
};

/** JSON as text; none at all is nil. */
const rawJson: SpecialWriter = (writer, value) => {
  if (value !== undefined && value !== null) writer.text(firstBytes, JSON.stringify(value));
};

/** What Go's JSON has no character for, for the sake of HTML. */
const escaped = /[<>&\u2028\u2029]/g;
const escapeOf = (char: string): string => `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`;

/** An object of any kind, as Go would have made its JSON: clients compare the bytes of ControllerRevisions. */
const rawObject: SpecialWriter = (writer, value) => {
  if (value !== undefined && value !== null)
    writer.text(firstBytes, JSON.stringify(value).replace(escaped, escapeOf));
};

const textItems: SpecialWriter = (writer, value) => {
  const items: readonly unknown[] = Array.isArray(value) ? value : [];
  for (let at = items.length - 1; at >= 0; at -= 1) writer.text(firstBytes, String(items[at]));
};

const unitNanos: Readonly<Record<string, number>> = { h: 3.6e12, m: 6e10, s: 1e9, ms: 1e6, us: 1e3, ns: 1 };

/** JSON has it in Go's words: `1m30s`. */
const duration: SpecialWriter = (writer, value) => {
  let nanos = 0;
  for (const [, number, unit = ''] of String(value ?? '').matchAll(/(\d+(?:\.\d+)?)(h|ms|us|ns|m|s)/g))
    nanos += Number(number) * (unitNanos[unit] ?? 0);
  writer.integer(Math.round(nanos));
  writer.varint(firstVarint);
};

const machinery = 'k8s.io.apimachinery.pkg';
const extensions = 'k8s.io.apiextensions_apiserver.pkg.apis.apiextensions.v1';

export const specialWriters: ReadonlyMap<string, SpecialWriter> = new Map([
  [`${machinery}.api.resource.Quantity`, quantity],
  [`${machinery}.util.intstr.IntOrString`, intOrString],
  [`${machinery}.apis.meta.v1.Time`, time],
  [`${machinery}.apis.meta.v1.MicroTime`, microTime],
  [`${machinery}.apis.meta.v1.Duration`, duration],
  [`${machinery}.apis.meta.v1.FieldsV1`, rawJson],
  [`${machinery}.runtime.RawExtension`, rawObject],
  [`${extensions}.JSON`, rawJson],
  [`${machinery}.apis.meta.v1.Verbs`, textItems],
  ['k8s.io.api.authentication.v1.ExtraValue', textItems],
  ['k8s.io.api.authorization.v1.ExtraValue', textItems],
  ['k8s.io.api.certificates.v1.ExtraValue', textItems],
]);

const isObject = (value: unknown): boolean =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

type EitherFields = (value: unknown) => Readonly<Record<string, unknown>>;

/** A schema that is given allows what fits it. */
const schemaOrBool: EitherFields = (value) =>
  isObject(value) ? { allows: true, schema: value } : { allows: value === true };
const schemaOrArray: EitherFields = (value) =>
  Array.isArray(value) ? { jSONSchemas: value } : { schema: value };
const schemaOrTexts: EitherFields = (value) =>
  Array.isArray(value) ? { property: value } : { schema: value };

/** Parts of a JSON schema that are a schema or something simpler, as the message that has a field for each. */
export const eitherFields: ReadonlyMap<string, EitherFields> = new Map([
  [`${extensions}.JSONSchemaPropsOrBool`, schemaOrBool],
  [`${extensions}.JSONSchemaPropsOrArray`, schemaOrArray],
  [`${extensions}.JSONSchemaPropsOrStringArray`, schemaOrTexts],
]);
