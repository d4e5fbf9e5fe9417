import type { AnyObject } from '../../api/kind-info.ts';
import { everything } from '../../api/selector.ts';
import { badRequest, conflict, StatusError } from '../../api/status-error.ts';
import { noteAnswer, noteObject } from '../audit/audit-notes.ts';
import { type Authorizer, deniedError } from '../authorization/authorizer.ts';
import { cloneJson } from '../decode/clone-json.ts';
import { applyConfiguration, applyPatchType, readApplied } from '../patch/apply/apply.ts';
import { applyPatch, jsonPatchType, mergePatchType, strategicMergePatchType } from '../patch/patch.ts';
import { keyOf } from '../storage/keys.ts';
import { type Answer, objectAnswer, successStatus } from './answer.ts';
import { fieldManagerOf, mediaType, type ResourceRequest } from './api-request.ts';
import { readBody } from './body.ts';
import { parseDeleteOptions } from './delete-options.ts';
import { parseListOptions } from './list-options.ts';
import { negotiate } from './negotiation.ts';
import { collectList, type ReadDependencies, shapedAnswer } from './reads.ts';
import { negotiateList, sendShapedList } from './shaped-list.ts';
import { parseWriteOptions, type WriteOptions } from './write-options.ts';

/**
 * Lost races of a write that names no version: it is tried until it arrives, for nobody who sends it is ready
 * for a conflict. One of those that race wins each time, so that this is more than can be under way at once.
 */
export const unversionedAttempts = 1_000;

export interface WriteDependencies extends ReadDependencies {
  readonly authorizer: Authorizer;
}

export async function createResource(deps: WriteDependencies, request: ResourceRequest): Promise<Answer> {
  const negotiated = negotiate(request.headers.accept);
  const { strategy, info, user, headers } = request;
  const options = parseWriteOptions(request.query, 'CreateOptions');
  const decoded = readBody(deps.registry, request, strategy.kind, options.fieldValidation);
  noteObject(user, decoded.object.metadata);
  const written = await deps.store.create({
    ...{ strategy, user, object: decoded.object },
    ...{ namespace: info.namespace, name: '', subresource: '', dryRun: options.dryRun },
    fieldManager: fieldManagerOf(options.fieldManager, headers),
  });
  const warnings = [...decoded.warnings, ...written.warnings];
  return shapedAnswer(deps, request, { status: 201, json: written.json, negotiated, warnings });
}

/** PUT of the object or of its status. */
export async function updateResource(deps: WriteDependencies, request: ResourceRequest): Promise<Answer> {
  const negotiated = negotiate(request.headers.accept);
  const { strategy, info, user, headers } = request;
  const options = parseWriteOptions(request.query, 'UpdateOptions');
  const decoded = readBody(deps.registry, request, strategy.kind, options.fieldValidation);
  noteObject(user, decoded.object.metadata);
  const named = decoded.object.metadata.name ?? '';
  if (named !== '' && named !== info.name)
    throw badRequest(`the name of the object (${named}) does not match the name on the URL (${info.name})`);
  const creates = strategy.allowCreateOnUpdate && info.subresource === '';
  const written = await deps.store.mutate({
    ...{ strategy, user, namespace: info.namespace, name: info.name, subresource: info.subresource },
    dryRun: options.dryRun,
    fieldManager: fieldManagerOf(options.fieldManager, headers),
    attempts: unversionedAttempts,
    next: (current) => checkUid(request, cloneJson(decoded.object), current),
    whenAbsent: creates ? () => created(deps, request, () => cloneJson(decoded.object)) : undefined,
  });
  const warnings = [...decoded.warnings, ...written.warnings];
  const status = written.created ? 201 : 200;
  return shapedAnswer(deps, request, { status, json: written.json, negotiated, warnings });
}

/** Who makes an object by an update or an apply needs the right to create it, too. @throws StatusError 403 */
async function created(
  { authorizer }: WriteDependencies,
  { info, user }: ResourceRequest,
  make: () => AnyObject,
): Promise<AnyObject> {
  const attributes = { ...info, verb: 'create', fields: everything, user };
  const decision = await authorizer.authorize(attributes);
  if (!decision.allowed) throw deniedError(attributes, decision.reason);
  return make();
}

/** An update that names another uid means another object. @throws StatusError 409 */
function checkUid({ strategy, info }: ResourceRequest, next: AnyObject, current: AnyObject): AnyObject {
  const { uid } = next.metadata;
  if (uid === undefined || uid === '' || uid === current.metadata.uid) return next;
  const key = keyOf(strategy.resource, info.namespace, info.name);
  throw conflict(
    strategy.kind,
    info.name,
    `StorageError: invalid object, Code: 4, Key: ${key}, ResourceVersion: 0, AdditionalErrorMsg: Precondition failed: UID in precondition: ${uid}, UID in object meta: ${current.metadata.uid}`,
  );
}

export const patchTypes: ReadonlySet<string> = new Set([
  jsonPatchType,
  mergePatchType,
  strategicMergePatchType,
]);

export async function patchResource(deps: WriteDependencies, request: ResourceRequest): Promise<Answer> {
  const negotiated = negotiate(request.headers.accept);
  const contentType = mediaType(request.headers);
  if (contentType === applyPatchType) return applyResource(deps, request);
  if (!patchTypes.has(contentType)) throw unsupportedPatch();
  const { strategy, info, user, headers } = request;
  const options = parseWriteOptions(request.query, 'PatchOptions');
  const warnings: string[] = [];
  const written = await deps.store.mutate({
    ...{ strategy, user, namespace: info.namespace, name: info.name, subresource: info.subresource },
    dryRun: options.dryRun,
    fieldManager: fieldManagerOf(options.fieldManager, headers),
    attempts: unversionedAttempts,
    next: (current) => {
      const patched = patchOnce(deps, request, options, current);
      warnings.splice(0, warnings.length, ...patched.warnings);
      return patched.object;
    },
  });
  return shapedAnswer(deps, request, {
    ...{ status: written.created ? 201 : 200, json: written.json, negotiated },
    warnings: [...warnings, ...written.warnings],
  });
}

/** Server-side apply: also makes what is not there. */
async function applyResource(deps: WriteDependencies, request: ResourceRequest): Promise<Answer> {
  const { strategy, info, user, headers, body } = request;
  const negotiated = negotiate(headers.accept);
  const options = parseWriteOptions(request.query, 'PatchOptions', true);
  const { fieldManager, dryRun } = options;
  const { namespace, name, subresource } = info;
  const { value: applied, warnings } = readApplied(body, options.fieldValidation);
  const apply = (current: AnyObject | undefined): AnyObject => {
    const writer = { fieldManager, subresource, nowMs: deps.clock.nowMs() };
    return applyConfiguration({ strategy, current, name, applied, writer, force: options.force === true });
  };
  const written = await deps.store.mutate({
    ...{ strategy, user, namespace, name, subresource, dryRun, fieldManager, fieldsTracked: true },
    attempts: unversionedAttempts,
    next: apply,
    whenAbsent: subresource === '' ? () => created(deps, request, () => apply(undefined)) : undefined,
  });
  return shapedAnswer(deps, request, {
    ...{ status: written.created ? 201 : 200, json: written.json, negotiated },
    warnings: [...warnings, ...written.warnings],
  });
}

function patchOnce(
  deps: WriteDependencies,
  request: ResourceRequest,
  options: WriteOptions,
  current: AnyObject,
): ReturnType<typeof applyPatch> {
  const { kind } = request.strategy;
  return applyPatch({
    kind,
    schema: deps.registry.schemas.struct(kind.schema),
    current,
    contentType: mediaType(request.headers),
    body: request.body,
    fieldValidation: options.fieldValidation,
  });
}

export function unsupportedPatch(): StatusError {
  return new StatusError({
    reason: 'UnsupportedMediaType',
    code: 415,
    message: '415: Unsupported Media Type',
    details: {},
  });
}

/** Kinds whose deletion is answered with the object even when it is gone. */
const answersWithObject: ReadonlySet<string> = new Set([
  '/pods',
  '/services',
  '/podtemplates',
  '/resourcequotas',
  '/serviceaccounts',
  '/persistentvolumes',
  '/persistentvolumeclaims',
]);

export async function deleteResource(deps: WriteDependencies, request: ResourceRequest): Promise<Answer> {
  const negotiated = negotiate(request.headers.accept);
  const { strategy, info, user } = request;
  const options = parseDeleteOptions(deps.registry, request);
  const deleted = await deps.store.delete({
    ...{ strategy, user, namespace: info.namespace, name: info.name, subresource: '' },
    ...{ dryRun: options.dryRun, gracePeriodSeconds: options.gracePeriodSeconds },
    ...{ propagation: options.propagation, preconditions: options.preconditions },
  });
  const waits = !deleted.gone && options.orphanDependents === false;
  const status = waits ? 202 : 200;
  if (!deleted.gone || answersWithObject.has(strategy.resource))
    return shapedAnswer(deps, request, { status, json: deleted.json, negotiated });
  const { group, plural } = strategy.kind;
  const details = {
    name: info.name,
    ...(group === '' ? {} : { group }),
    kind: plural,
    uid: deleted.uid,
  };
  noteAnswer(user, { status: 'Success', details });
  return objectAnswer(status, successStatus(details), negotiated);
}

/** Deletes what a list would give, and answers with that list. */
export async function deleteCollection(deps: WriteDependencies, request: ResourceRequest): Promise<void> {
  const { strategy, user, response } = request;
  const negotiated = negotiateList(request);
  const options = parseDeleteOptions(deps.registry, request);
  const selection = parseListOptions(request.query, strategy, { name: '', watch: false });
  const collected = await collectList(deps, request, selection);
  await deps.store.deleteCollection(
    {
      ...{ strategy, user, signal: response.signal, subresource: '', dryRun: options.dryRun },
      ...{ gracePeriodSeconds: options.gracePeriodSeconds, propagation: options.propagation },
      preconditions: options.preconditions,
    },
    collected.objects,
  );
  await sendShapedList(deps.clock, request, collected, negotiated);
}
