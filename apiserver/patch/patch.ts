import type { AnyObject } from '../../api/kind-info.ts';
import { toApiVersion } from '../../api/kind-info.ts';
import { badRequest, StatusError } from '../../api/status-error.ts';
import { codeOf } from '../../base/invariant.ts';
import { cloneJson } from '../decode/clone-json.ts';
import {
  type Decoded,
  type ExpectedKind,
  type FieldValidation,
  isMismatch,
  strictProblems,
} from '../decode/decode.ts';
import { type NumberTexts, noNumberTexts, type ParsedJson, parseJson } from '../decode/json-text.ts';
import type { StructType } from '../decode/schema.ts';
import { jsonType, TypedReader } from '../decode/walk.ts';
import { applyJsonPatch, JsonPatchError, maxJsonPatchOperations } from './json-patch.ts';
import { applyMergePatch } from './merge-patch.ts';
import { patchedNumbers } from './patched-numbers.ts';
import { applyStrategicMerge } from './strategic-merge.ts';

export interface PatchRequest {
  readonly kind: ExpectedKind;
  readonly schema: StructType;
  /** Not changed. */
  readonly current: AnyObject;
  /** Media type of the patch. */
  readonly contentType: string;
  readonly body: Buffer;
  readonly fieldValidation: FieldValidation;
}

export const jsonPatchType = 'application/json-patch+json';
export const mergePatchType = 'application/merge-patch+json';
export const strategicMergePatchType = 'application/strategic-merge-patch+json';

/** What a patch makes of `current`. @throws StatusError in Kubernetes' words */
export function applyPatch(request: PatchRequest): Decoded {
  const parsed = parsePatch(request);
  const patched = applyParsed(request, parsed.value);
  const reader = new TypedReader(numbersOf(request, parsed));
  return readPatched(request, reader, { patched, ofPatch: patchProblems(request, parsed) });
}

/** A strategic merge patch goes through Go's maps, in which `1.0` is as good as `1`; the others stay texts. */
function numbersOf(request: PatchRequest, { value, numbers }: ParsedJson): NumberTexts {
  if (numbers.size === 0 || mediaTypeOf(request) === strategicMergePatchType) return noNumberTexts;
  return isJsonPatch(request) ? patchedNumbers(value, numbers) : numbers;
}

const mediaTypeOf = ({ contentType }: PatchRequest): string | undefined => contentType.split(';')[0]?.trim();

function parsePatch(request: PatchRequest): ParsedJson {
  try {
    return parseJson(request.body.toString('utf8'));
  } catch (error) {
    if (!(error instanceof Error)) throw error;
    throw badRequest(`error decoding patch: ${error.message}`);
  }
}

const isJsonPatch = (request: PatchRequest): boolean => mediaTypeOf(request) === jsonPatchType;

const operationFields: ReadonlySet<string> = new Set(['op', 'path', 'from', 'value']);

/** What is wrong with the fields of the patch itself: operations have a type, other patches have none. */
function patchProblems(request: PatchRequest, { value, duplicates, places }: ParsedJson): string[] {
  if (request.fieldValidation === 'Ignore') return [];
  if (!isJsonPatch(request)) return duplicates.map(({ path }) => `duplicate field "${path}"`);
  const unknown = (Array.isArray(value) ? value : []).flatMap((operation: object, index) =>
    Object.keys(operation)
      .filter((key) => !operationFields.has(key))
      .map((key) => `[${index}].${key}`),
  );
  return strictProblems(unknown, duplicates, places).map((problem) => `json patch ${problem}`);
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function refuseShape(value: unknown, goType: string): never {
  throw badRequest(
    `error decoding patch: json: cannot unmarshal ${jsonType(value)} into Go value of type ${goType}`,
  );
}

function applyParsed(request: PatchRequest, patch: unknown): unknown {
  if (isJsonPatch(request)) return applyOperations(request, patch);
  const object = patch ?? {};
  if (!isObject(object)) refuseShape(patch, 'map[string]interface {}');
  try {
    return mediaTypeOf(request) === strategicMergePatchType
      ? applyStrategicMerge(request.schema, request.current, object)
      : applyMergePatch(request.current, object);
  } catch (error) {
    if (!(error instanceof Error)) throw error;
    if (codeOf(error) === 'STRATEGIC_MERGE_FAILED') throw badRequest(error.message);
    if (codeOf(error) !== 'MERGE_KEY_MISSING') throw error;
    throw new StatusError({ reason: '', code: 500, message: error.message });
  }
}

function applyOperations(request: PatchRequest, patch: unknown): unknown {
  const operations = patch ?? [];
  if (!Array.isArray(operations)) refuseShape(patch, '[]handlers.jsonPatchOp');
  if (operations.length > maxJsonPatchOperations)
    throw new StatusError({
      reason: 'RequestEntityTooLarge',
      code: 413,
      message: `The allowed maximum operations in a JSON patch is ${maxJsonPatchOperations}, got ${operations.length}`,
    });
  for (const operation of operations)
    if (!isObject(operation)) refuseShape(operation, 'handlers.jsonPatchOp');
  try {
    return applyJsonPatch(cloneJson(request.current), operations);
  } catch (error) {
    if (!(error instanceof JsonPatchError)) throw error;
    throw new StatusError({
      reason: 'Invalid',
      code: 422,
      message: 'the server rejected our request due to an error in our request',
      details: {},
    });
  }
}

/** 422 about the patch as a whole, quoting the object that it made. */
function invalidPatch(patched: unknown, why: string): StatusError {
  const message = `Invalid value: ${JSON.stringify(JSON.stringify(sorted(patched)))}: ${why}`;
  return new StatusError({
    reason: 'Invalid',
    code: 422,
    message: ` "" is invalid: patch: ${message}`,
    details: { causes: [{ reason: 'FieldValueInvalid', message, field: 'patch' }] },
  });
}

/** Fields in alphabetical order, as Go writes maps. */
function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted);
  if (!isObject(value)) return value;
  const entries = Object.entries(value).sort(([left], [right]) => (left < right ? -1 : 1));
  return Object.fromEntries(entries.map(([key, item]) => [key, sorted(item)]));
}

/** A text as it is, anything else as JSON: an object's own `toString` is not called. */
const textOf = (value: unknown): string => (typeof value === 'string' ? value : JSON.stringify(value));

interface Patched {
  readonly patched: unknown;
  /** Problems of the patch itself. */
  readonly ofPatch: readonly string[];
}

function readPatched(request: PatchRequest, reader: TypedReader, { patched, ofPatch }: Patched): Decoded {
  if (!isObject(patched)) refuseShape(patched, 'map[string]interface {}');
  const apiVersion = toApiVersion(request.kind);
  const writtenVersion = textOf(patched['apiVersion'] ?? apiVersion);
  const writtenKind = textOf(patched['kind'] ?? request.kind.kind);
  if (writtenVersion !== apiVersion || writtenKind !== request.kind.kind)
    throw invalidPatch(
      patched,
      `no kind "${writtenKind}" is registered for version "${writtenVersion}" in scheme "pkg/api/legacyscheme/scheme.go:30"`,
    );
  const object = readTyped(request, reader, patched);
  const identity = { apiVersion, kind: request.kind.kind };
  const metadata = (object['metadata'] ?? {}) as AnyObject['metadata'];
  // The patched object goes through a map on its way, and a map is read in alphabetical order.
  const ofObject = [...reader.unknownFields].sort().map((path) => `unknown field "${path}"`);
  const problems = [...ofPatch, ...ofObject];
  if (problems.length > 0 && request.fieldValidation === 'Strict')
    throw invalidPatch(patched, `strict decoding error: ${problems.join(', ')}`);
  return {
    object: Object.assign({ ...identity, metadata }, object, identity),
    warnings: request.fieldValidation === 'Warn' ? problems : [],
  };
}

function readTyped(request: PatchRequest, reader: TypedReader, patched: unknown): Record<string, unknown> {
  try {
    return reader.object(request.schema, cloneJson(patched));
  } catch (error) {
    if (!isMismatch(error)) throw error;
    throw invalidPatch(patched, error.message);
  }
}
