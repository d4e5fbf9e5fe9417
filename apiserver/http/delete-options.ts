import { badRequest } from '../../api/status-error.ts';
import { parseJson } from '../decode/json-text.ts';
import { protobufType, readEnvelope } from '../decode/protobuf/body.ts';
import { WireError } from '../decode/protobuf/wire.ts';
import type { Registry } from '../registry/registry.ts';
import type { DeletePreconditions, DeleteRequest } from '../store/delete.ts';
import { type ApiRequest, mediaType } from './api-request.ts';
import { readBody } from './body.ts';
import { invalidOptions, type OptionProblem, parseBool, parseInteger } from './option-values.ts';
import { dryRunProblems } from './write-options.ts';

/** @see meta/v1 DeleteOptions */
export interface DeleteOptions {
  readonly gracePeriodSeconds: number | undefined;
  readonly propagation: DeleteRequest['propagation'];
  readonly preconditions: DeletePreconditions;
  readonly dryRun: boolean;
  /** The old way to ask for dependents: a deletion that waits for them is then answered with 202. */
  readonly orphanDependents: boolean | undefined;
}

type Fields = Readonly<Record<string, unknown>>;

const schema = 'io.k8s.apimachinery.pkg.apis.meta.v1.DeleteOptions';
const policies = ['Foreground', 'Background', 'Orphan'] as const;

/** From the body where there is one, else from the query. @throws StatusError 400, 422 */
export function parseDeleteOptions(registry: Registry, request: ApiRequest): DeleteOptions {
  return toDeleteOptions(request.body.length > 0 ? fromBody(registry, request) : fromQuery(request.query));
}

/** Clients write the options in the version of the group that they delete from; all are the same. */
function fromBody(registry: Registry, request: ApiRequest): Fields {
  const { group, version } = writtenVersion(request);
  return readBody(registry, request, { group, version, kind: 'DeleteOptions', schema }, 'Ignore').object;
}

function writtenVersion(request: ApiRequest): { readonly group: string; readonly version: string } {
  const fallback = { group: '', version: 'v1' };
  const type = mediaType(request.headers);
  if (type === protobufType) return toGroupVersion(protobufVersion(request.body));
  if (!['', 'application/json'].includes(type)) return fallback;
  let value: unknown;
  try {
    value = parseJson(request.body.toString()).value;
  } catch {
    // Not JSON: the decoder says so in the right words.
    return fallback;
  }
  const apiVersion =
    typeof value === 'object' && value !== null && 'apiVersion' in value ? value.apiVersion : '';
  return toGroupVersion(apiVersion);
}

function protobufVersion(body: Buffer): string {
  try {
    return readEnvelope(body).apiVersion;
  } catch (error) {
    if (!(error instanceof WireError)) throw error;
    // The decoder finds the same and says so.
    return '';
  }
}

function toGroupVersion(apiVersion: unknown): { readonly group: string; readonly version: string } {
  const parts = typeof apiVersion === 'string' && apiVersion !== '' ? apiVersion.split('/') : ['v1'];
  return parts.length === 2
    ? { group: parts[0] ?? '', version: parts[1] ?? '' }
    : { group: '', version: parts[0] ?? '' };
}

function fromQuery(query: URLSearchParams): Fields {
  if (query.size === 0) return {};
  return {
    gracePeriodSeconds: parseInteger(query.get('gracePeriodSeconds')),
    propagationPolicy: query.get('propagationPolicy') ?? undefined,
    orphanDependents: query.has('orphanDependents') ? parseBool(query.get('orphanDependents')) : undefined,
    dryRun: query.getAll('dryRun').filter((value) => value !== ''),
  };
}

/** Checks what stands in a DeleteOptions object. */
export function toDeleteOptions(fields: Fields): DeleteOptions {
  const { gracePeriodSeconds, propagationPolicy: policy, orphanDependents, preconditions } = fields;
  const dryRun = Array.isArray(fields['dryRun']) ? fields['dryRun'].map(String) : [];
  const problems: OptionProblem[] = [];
  if (policy !== undefined && orphanDependents !== undefined)
    problems.push({
      field: 'propagationPolicy',
      reason: 'FieldValueInvalid',
      message: `Invalid value: ${JSON.stringify(policy)}: orphanDependents and deletionPropagation cannot be both set`,
    });
  const known = policies.find((candidate) => candidate === policy);
  if (policy !== undefined && known === undefined)
    problems.push({
      field: 'propagationPolicy',
      reason: 'FieldValueNotSupported',
      message: `Unsupported value: ${JSON.stringify(policy)}: supported values: "Foreground", "Background", "Orphan", "nil"`,
    });
  problems.push(...dryRunProblems(dryRun));
  if (problems.length > 0) throw invalidOptions('DeleteOptions', problems);
  const grace = typeof gracePeriodSeconds === 'number' ? gracePeriodSeconds : undefined;
  return {
    gracePeriodSeconds: grace !== undefined && grace < 0 ? 1 : grace,
    propagation: known ?? fromOrphan(orphanDependents),
    preconditions: toPreconditions(preconditions),
    dryRun: dryRun.length > 0,
    orphanDependents: typeof orphanDependents === 'boolean' ? orphanDependents : undefined,
  };
}

function fromOrphan(orphan: unknown): DeleteOptions['propagation'] {
  if (typeof orphan !== 'boolean') return undefined;
  return orphan ? 'Orphan' : 'Background';
}

function toPreconditions(value: unknown): DeletePreconditions {
  if (value === undefined || value === null) return {};
  if (typeof value !== 'object') throw badRequest('preconditions must be an object');
  const read = (key: string): string | undefined => {
    const text: unknown = Reflect.get(value, key);
    return typeof text === 'string' ? text : undefined;
  };
  return { uid: read('uid'), resourceVersion: read('resourceVersion') };
}
