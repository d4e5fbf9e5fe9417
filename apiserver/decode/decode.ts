import { type AnyObject, toApiVersion } from '../../api/kind-info.ts';
import { badRequest, StatusError } from '../../api/status-error.ts';
import { codeOf } from '../../base/invariant.ts';
import { type NumberTexts, noNumberTexts, parseJson, type RepeatedField } from './json-text.ts';
import { protobufType, readEnvelope } from './protobuf/body.ts';
import type { MessageReader } from './protobuf/message-reader.ts';
import { WireError } from './protobuf/wire.ts';
import type { StructType } from './schema.ts';
import { jsonType, TypedReader } from './walk.ts';
import { readYaml, repeatedKeys } from './yaml-text.ts';

/** What to do about fields that are unknown or stand twice. @see meta/v1 CreateOptions.fieldValidation */
export type FieldValidation = 'Strict' | 'Warn' | 'Ignore';

/** The kind that a body must have. */
export interface ExpectedKind {
  readonly group: string;
  readonly version: string;
  readonly kind: string;
}

export interface DecodeRequest {
  readonly kind: ExpectedKind;
  readonly schema: StructType;
  readonly messages: MessageReader;
  /** Media type; parameters are ignored. */
  readonly contentType: string;
  readonly body: Buffer;
  readonly fieldValidation: FieldValidation;
  /** Is this a kind that the server knows at all, though not here? */
  readonly isKnownKind?: (kind: ExpectedKind) => boolean;
}

export interface Decoded {
  readonly object: AnyObject;
  /** Texts for `Warning: 299` headers. */
  readonly warnings: string[];
}

const mismatchCodes: ReadonlySet<string> = new Set(['TYPE_MISMATCH', 'INVALID_TIME', 'INVALID_QUANTITY']);

/** Is it the fault of a value that does not fit its field? */
export const isMismatch = (error: unknown): error is Error =>
  error instanceof Error && mismatchCodes.has(codeOf(error) ?? '');

const maxSummaryBytes = 30;
const maxBodyBytes = 3 * 1024 * 1024;
const envelope =
  'struct { APIVersion string "json:\\"apiVersion,omitempty\\""; Kind string "json:\\"kind,omitempty\\"" }';

/** The first bytes of a body that was not understood. */
function summarize(body: Buffer): string {
  if (body.length === 0) return '<empty>';
  const encoding = body[0] === 0x7b ? 'utf8' : 'hex';
  const start = body.subarray(0, maxSummaryBytes).toString(encoding);
  return body.length > maxSummaryBytes ? `${start} ...` : start;
}

function unrecognized(request: DecodeRequest, why: string): StatusError {
  return badRequest(
    `the object provided is unrecognized (must be of type ${request.kind.kind}): ${why} (${summarize(request.body)})`,
  );
}

/** A body's value, and what is told of it when fields are validated, once the unknown ones are known. */
interface ParsedBody {
  readonly value: unknown;
  /** Of JSON: `1.0` is no integer there. YAML is made JSON first, in which it is `1`. */
  readonly numbers: NumberTexts;
  readonly problems: (unknown: readonly string[]) => string[];
}

const unknownField = (path: string): string => `unknown field "${path}"`;

function parseBody(request: DecodeRequest): ParsedBody {
  const text = request.body.toString('utf8');
  const isYaml = request.contentType.startsWith('application/yaml');
  try {
    if (isYaml) {
      const { value, repeated } = readYaml(text);
      return {
        value,
        numbers: noNumberTexts,
        problems: (unknown) => yamlProblems(unknown, repeated, request.fieldValidation),
      };
    }
    const { value, duplicates, places, numbers } = parseJson(text);
    return { value, numbers, problems: (unknown) => strictProblems(unknown, duplicates, places) };
  } catch (error) {
    if (!(error instanceof Error)) throw error;
    const message = isYaml ? error.message : `couldn't get version/kind; json parse error: ${error.message}`;
    throw unrecognized(request, message);
  }
}

/** The kind is settled first: it tells which message the bytes are. */
function parseProtobuf(request: DecodeRequest): ParsedBody {
  let envelope: ReturnType<typeof readEnvelope>;
  try {
    envelope = readEnvelope(request.body);
  } catch (error) {
    if (!(error instanceof WireError)) throw error;
    throw unrecognized(request, error.message);
  }
  const { apiVersion, kind, raw } = envelope;
  checkEnvelope(request, { apiVersion, kind });
  try {
    const fields = request.messages.read(request.schema.definition, raw);
    const value = { ...fields, apiVersion, kind };
    return { value, numbers: noNumberTexts, problems: (unknown) => unknown.map(unknownField) };
  } catch (error) {
    if (!(error instanceof WireError)) throw error;
    throw cannotDecode(request.kind, request.kind.kind, error.message);
  }
}

export function cannotDecode(kind: ExpectedKind, as: string, why: string): StatusError {
  return badRequest(`${kind.kind} in version "${kind.version}" cannot be handled as a ${as}: ${why}`);
}

const internalGroups: Readonly<Record<string, string>> = {
  '': 'core',
  'rbac.authorization.k8s.io': 'rbac',
  'flowcontrol.apiserver.k8s.io': 'flowcontrol',
};

const packageOf = (group: string): string => internalGroups[group] ?? group.replace(/\..*$/, '');

/** Checks `apiVersion` and `kind`; both may be absent. */
function checkEnvelope(request: DecodeRequest, value: unknown): void {
  if (value === null) return;
  if (typeof value !== 'object' || Array.isArray(value))
    throw unrecognized(
      request,
      `couldn't get version/kind; json parse error: json: cannot unmarshal ${jsonType(value)} into Go value of type ${envelope}`,
    );
  const { apiVersion: written, kind: writtenKind } = value as Record<string, unknown>;
  for (const [field, text] of [
    ['apiVersion', written],
    ['kind', writtenKind],
  ] as const)
    if (text !== undefined && text !== null && typeof text !== 'string')
      throw unrecognized(
        request,
        `couldn't get version/kind; json parse error: json: cannot unmarshal ${jsonType(text)} into Go struct field .${field} of type string`,
      );
  const apiVersion = typeof written === 'string' && written !== '' ? written : toApiVersion(request.kind);
  const kind = typeof writtenKind === 'string' && writtenKind !== '' ? writtenKind : request.kind.kind;
  if (apiVersion === toApiVersion(request.kind) && kind === request.kind.kind) return;
  refuseKind(request, apiVersion, kind);
}

function refuseKind(request: DecodeRequest, apiVersion: string, kind: string): never {
  const parts = apiVersion.split('/');
  if (parts.length > 2)
    throw unrecognized(request, `couldn't get version/kind; unexpected GroupVersion string: ${apiVersion}`);
  const [group = '', version = ''] = parts.length === 2 ? parts : ['', apiVersion];
  const found = { group, version, kind };
  const expected = request.kind.kind;
  if (request.isKnownKind?.(found) ?? false) {
    const target = `${packageOf(request.kind.group)}.${expected}`;
    throw cannotDecode(found, expected, `converting (${version}.${kind}) to (${target}): unknown conversion`);
  }
  const scheme = 'in scheme "pkg/api/legacyscheme/scheme.go:30"';
  throw cannotDecode(
    found,
    expected,
    `no kind "${kind}" is registered for version "${apiVersion}" ${scheme}`,
  );
}

/**
 * Unknown and repeated fields as Kubernetes words them, in the order of the text, each once. What stands inside an unknown
 * field is not told, nor that it is repeated.
 */
export function strictProblems(
  unknown: readonly string[],
  duplicates: readonly RepeatedField[],
  places: ReadonlyMap<string, number>,
): string[] {
  if (duplicates.length === 0) return unknown.map(unknownField);
  const unknowns = new Set(unknown);
  const found = unknown.map((path) => ({ place: places.get(path) ?? Infinity, text: unknownField(path) }));
  for (const { path, place } of duplicates)
    if (!isWithin(path, unknowns)) found.push({ place, text: `duplicate field "${path}"` });
  found.sort((left, right) => (left.place === right.place ? 0 : left.place - right.place));
  return [...new Set(found.map(({ text }) => text))];
}

/** Is it one of the fields, or a part of one? */
function isWithin(path: string, fields: ReadonlySet<string>): boolean {
  if (fields.has(path)) return true;
  for (let at = 0; at < path.length; at++)
    if ((path[at] === '.' || path[at] === '[') && fields.has(path.slice(0, at))) return true;
  return false;
}

/** A refusal quotes go-yaml's error as a whole; warnings are its lines. */
function yamlProblems(
  unknown: readonly string[],
  repeated: readonly string[],
  fieldValidation: FieldValidation,
): string[] {
  const unknowns = unknown.map(unknownField);
  if (repeated.length === 0) return unknowns;
  return fieldValidation === 'Strict' ? [repeatedKeys(repeated), ...unknowns] : [...repeated, ...unknowns];
}

/**
 * Reads a request body of a known kind.
 * @throws StatusError 400 in Kubernetes' words when it cannot be read, 413 when it is too large
 */
export function decodeObject(request: DecodeRequest): Decoded {
  if (request.body.length > maxBodyBytes)
    throw new StatusError({
      reason: 'RequestEntityTooLarge',
      code: 413,
      message: `Request entity too large: limit is ${maxBodyBytes}`,
    });
  const isProtobuf = request.contentType.startsWith(protobufType);
  const parsed = isProtobuf ? parseProtobuf(request) : parseBody(request);
  checkEnvelope(request, parsed.value);
  const reader = new TypedReader(parsed.numbers);
  const object = readTyped(request, reader, parsed.value);
  const problems = parsed.problems(reader.unknownFields);
  if (problems.length > 0 && request.fieldValidation === 'Strict')
    throw cannotDecode(request.kind, request.kind.kind, `strict decoding error: ${problems.join(', ')}`);
  return { object, warnings: request.fieldValidation === 'Warn' ? problems : [] };
}

function readTyped(request: DecodeRequest, reader: TypedReader, value: unknown): AnyObject {
  try {
    const object = reader.object(request.schema, value);
    const metadata = (object['metadata'] ?? {}) as AnyObject['metadata'];
    const identity = { apiVersion: toApiVersion(request.kind), kind: request.kind.kind };
    return Object.assign({ ...identity, metadata }, object, identity);
  } catch (error) {
    if (!isMismatch(error)) throw error;
    throw cannotDecode(request.kind, request.kind.kind, error.message);
  }
}
