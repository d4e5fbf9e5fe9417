import type { Scale } from '../../api/generated/autoscaling-v1.ts';
import type { AnyObject } from '../../api/kind-info.ts';
import { badRequest, notFound, StatusError } from '../../api/status-error.ts';
import { readYaml } from '../decode/yaml-text.ts';
import { type Answer, objectAnswer } from '../http/answer.ts';
import { fieldManagerOf, mediaType, type ResourceRequest } from '../http/api-request.ts';
import { readBody } from '../http/body.ts';
import { negotiate } from '../http/negotiation.ts';
import type { SubresourceRoutes } from '../http/router.ts';
import { parseWriteOptions } from '../http/write-options.ts';
import type { WriteDependencies } from '../http/writes.ts';
import { patchTypes, unsupportedPatch, unversionedAttempts } from '../http/writes.ts';
import { applyPatchType } from '../patch/apply/apply.ts';
import { applyPatch, mergePatchType } from '../patch/patch.ts';
import { parseObject } from '../store/object-source.ts';
import { selectorText } from './selector-text.ts';

const scaleKind = {
  group: 'autoscaling',
  version: 'v1',
  kind: 'Scale',
  schema: 'io.k8s.api.autoscaling.v1.Scale',
};

interface Scalable {
  readonly spec?: { readonly replicas?: number; readonly selector?: unknown };
  readonly status?: { readonly replicas?: number };
}

/** What of a workload its Scale shows. */
export function toScale(object: AnyObject): Scale {
  const { name, namespace, uid, resourceVersion, creationTimestamp } = object.metadata;
  const { spec, status } = object as Scalable & AnyObject;
  const replicas = spec?.replicas ?? 0;
  const selector = selectorText(spec?.selector);
  const metadata = { name, namespace, uid, resourceVersion, creationTimestamp };
  return {
    kind: 'Scale',
    apiVersion: 'autoscaling/v1',
    metadata: JSON.parse(JSON.stringify(metadata)),
    spec: replicas === 0 ? {} : { replicas },
    status: { replicas: status?.replicas ?? 0, ...(selector === '' ? {} : { selector }) },
  };
}

export function scaleRoutes(deps: WriteDependencies): SubresourceRoutes {
  return {
    get: async (request) => {
      const { strategy, info } = request;
      const found = await deps.store.read(strategy, info.namespace, info.name);
      if (found === undefined) throw notFound(strategy.kind, info.name);
      return scaleAnswer(request, found.json);
    },
    update: (request) => updateScale(deps, request),
    patch: (request) => patchScale(deps, request),
  };
}

async function updateScale(deps: WriteDependencies, request: ResourceRequest): Promise<Answer> {
  const options = parseWriteOptions(request.query, 'UpdateOptions');
  const { object, warnings } = readBody(deps.registry, request, scaleKind, options.fieldValidation);
  return writeScale(deps, request, options, (_current) => ({ scale: object, warnings }));
}

async function patchScale(deps: WriteDependencies, request: ResourceRequest): Promise<Answer> {
  const contentType = mediaType(request.headers);
  const applies = contentType === applyPatchType;
  if (!applies && !patchTypes.has(contentType)) throw unsupportedPatch();
  const options = parseWriteOptions(request.query, 'PatchOptions', applies);
  // A Scale has one field that can be claimed: applying it is merging it.
  const body = applies ? fromYaml(request.body) : request.body;
  return writeScale(deps, request, options, (current) => {
    const { object, warnings } = applyPatch({
      kind: scaleKind,
      schema: deps.registry.schemas.struct(scaleKind.schema),
      current: { ...toScale(current) },
      contentType: applies ? mergePatchType : contentType,
      body,
      fieldValidation: options.fieldValidation,
    });
    return { scale: object, warnings };
  });
}

function fromYaml(body: Buffer): Buffer {
  try {
    return Buffer.from(JSON.stringify(readYaml(body.toString('utf8')).value));
  } catch (error) {
    if (!(error instanceof Error)) throw error;
    throw badRequest(`error decoding YAML: ${error.message}`);
  }
}

async function writeScale(
  deps: WriteDependencies,
  request: ResourceRequest,
  options: { readonly dryRun: boolean; readonly fieldManager: string },
  wanted: (current: AnyObject) => { readonly scale: AnyObject; readonly warnings: readonly string[] },
): Promise<Answer> {
  const { strategy, info, user, headers } = request;
  let warnings: readonly string[] = [];
  const written = await deps.store.mutate({
    ...{ strategy, user, attempts: unversionedAttempts, dryRun: options.dryRun },
    ...{ namespace: info.namespace, name: info.name, subresource: 'scale' },
    fieldManager: fieldManagerOf(options.fieldManager, headers),
    next: (current) => {
      const asked = wanted(current);
      warnings = asked.warnings;
      return withScale(request, current, asked.scale);
    },
  });
  return scaleAnswer(request, written.json, warnings);
}

function withScale(request: ResourceRequest, current: AnyObject, scale: AnyObject): AnyObject {
  const { name } = request.info;
  const given = scale.metadata.name ?? '';
  if (given !== '' && given !== name)
    throw badRequest(`the name of the object (${given}) does not match the name on the URL (${name})`);
  const replicas = (scale as Scalable & AnyObject).spec?.replicas ?? 0;
  if (replicas < 0) throw negativeReplicas(name, replicas);
  const next = structuredClone(current);
  const spec = { ...(next as Scalable & AnyObject).spec, replicas };
  const { resourceVersion, uid } = scale.metadata;
  if (resourceVersion !== undefined && resourceVersion !== '')
    next.metadata.resourceVersion = resourceVersion;
  if (uid !== undefined && uid !== '') next.metadata.uid = uid;
  return { ...next, spec };
}

function negativeReplicas(name: string, replicas: number): StatusError {
  const message = `Invalid value: ${replicas}: must be greater than or equal to 0`;
  return new StatusError({
    reason: 'Invalid',
    code: 422,
    message: `Scale.autoscaling "${name}" is invalid: spec.replicas: ${message}`,
    details: {
      name,
      group: 'autoscaling',
      kind: 'Scale',
      causes: [{ reason: 'FieldValueInvalid', message, field: 'spec.replicas' }],
    },
  });
}

function scaleAnswer(request: ResourceRequest, json: Buffer, warnings: readonly string[] = []): Answer {
  const negotiated = { ...negotiate(request.headers.accept), shape: 'object' as const };
  return objectAnswer(200, toScale(parseObject(json)), negotiated, warnings);
}
