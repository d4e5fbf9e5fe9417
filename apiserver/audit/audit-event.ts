import { toMicroTime } from '../../base/clock.ts';
import type { UserInfo } from '../registry/strategy.ts';
import type { AuditedStatus, AuditNotes } from './audit-notes.ts';
import { maxBodyBytes } from './captured-body.ts';
import type { AuditedRequest, AuditLevel, AuditStage } from './policy.ts';

/** One request, as it is told of. */
export interface AuditFacts {
  readonly auditId: string;
  readonly level: AuditLevel;
  readonly request: AuditedRequest & { readonly version: string };
  readonly uri: string;
  /** Who asked, before impersonation. */
  readonly user: UserInfo;
  /** As whom, when that is another and allowed. */
  impersonated: UserInfo | undefined;
  readonly sourceIps: readonly string[];
  readonly userAgent: string;
  readonly receivedMs: number;
  readonly notes: AuditNotes;
  readonly omitManagedFields: boolean;
}

export interface AuditOutcome {
  readonly stage: AuditStage;
  readonly atMs: number;
  readonly code: number;
  /** Of an answer that is a status. */
  readonly status?: AuditedStatus | undefined;
  readonly requestBody?: Buffer | undefined;
  readonly responseBody?: Buffer | undefined;
}

/** Longer ones end in `...TRUNCATED`. */
const maxUserAgentLength = 1_024;

/** One line of the log. @see https://kubernetes.io/docs/reference/config-api/apiserver-audit.v1/#audit-k8s-io-v1-Event */
export function toAuditLine(facts: AuditFacts, outcome: AuditOutcome): string {
  const { level, request } = facts;
  const hasBody = level === 'Request' || level === 'RequestResponse';
  const requestObject = hasBody ? bodyOf(outcome.requestBody, facts) : undefined;
  const responseObject = level === 'RequestResponse' ? bodyOf(outcome.responseBody, facts) : undefined;
  const isCut = requestObject === tooLarge || responseObject === tooLarge;
  return JSON.stringify({
    kind: 'Event',
    apiVersion: 'audit.k8s.io/v1',
    level,
    auditID: facts.auditId,
    stage: outcome.stage,
    requestURI: facts.uri,
    verb: request.verb,
    user: toUser(facts.user),
    ...(facts.impersonated === undefined ? {} : { impersonatedUser: toUser(facts.impersonated) }),
    sourceIPs: facts.sourceIps,
    ...(facts.userAgent === '' ? {} : { userAgent: toUserAgent(facts.userAgent) }),
    ...(request.isResource ? { objectRef: toReference(request, facts.notes) } : {}),
    ...(outcome.stage === 'RequestReceived' ? {} : { responseStatus: toStatus(outcome, facts.notes) }),
    ...(requestObject === undefined || isCut ? {} : { requestObject }),
    ...(responseObject === undefined || isCut ? {} : { responseObject }),
    requestReceivedTimestamp: toMicroTime(facts.receivedMs),
    stageTimestamp: toMicroTime(outcome.atMs),
    ...toAnnotations(facts.notes.annotations, isCut),
  });
}

const tooLarge = Symbol('too large');

/** A body that is JSON; others (YAML, protobuf, streams) are not told. */
function bodyOf(
  body: Buffer | undefined,
  { omitManagedFields }: Pick<AuditFacts, 'omitManagedFields'>,
): unknown {
  if (body === undefined || body[0] !== 0x7b) return undefined;
  if (body.length > maxBodyBytes) return tooLarge;
  try {
    const object: unknown = JSON.parse(body.toString());
    if (omitManagedFields) dropManagedFields(object);
    return object;
  } catch {
    // What the client sent is not what it said: the status tells so.
    return undefined;
  }
}

/** Of an object, or of the items of a list. */
function dropManagedFields(object: unknown): void {
  if (typeof object !== 'object' || object === null) return;
  if ('metadata' in object && typeof object.metadata === 'object' && object.metadata !== null)
    Reflect.deleteProperty(object.metadata, 'managedFields');
  if ('items' in object && Array.isArray(object.items))
    for (const item of object.items) dropManagedFields(item);
}

function toUser({ name, uid, groups, extra }: UserInfo): object {
  return {
    ...(name === '' ? {} : { username: name }),
    ...(uid === '' ? {} : { uid }),
    ...(groups.length === 0 ? {} : { groups }),
    ...(Object.keys(extra).length === 0 ? {} : { extra }),
  };
}

function toUserAgent(userAgent: string): string {
  return userAgent.length <= maxUserAgentLength
    ? userAgent
    : `${userAgent.slice(0, maxUserAgentLength)}...TRUNCATED`;
}

/** What the path names, and where it leaves something open, what the body names. */
function toReference(request: AuditFacts['request'], { object }: AuditNotes): object {
  const { resource, group, version, subresource } = request;
  const namespace = request.namespace || object?.namespace;
  const name = request.name || object?.name;
  return {
    resource,
    ...(namespace ? { namespace } : {}),
    ...(name ? { name } : {}),
    ...(object?.uid ? { uid: object.uid } : {}),
    ...(group === '' ? {} : { apiGroup: group }),
    apiVersion: version,
    ...(object?.resourceVersion ? { resourceVersion: object.resourceVersion } : {}),
    ...(subresource === '' ? {} : { subresource }),
  };
}

function toStatus({ code, status }: AuditOutcome, { answer }: AuditNotes): object {
  const told = status ?? answer;
  if (told === undefined) return { metadata: {}, code };
  const { reason, message, details } = told;
  const isNamed = told.status ?? (reason === undefined ? undefined : 'Failure');
  return {
    metadata: {},
    ...(isNamed === undefined ? {} : { status: isNamed }),
    ...(message === undefined ? {} : { message }),
    ...(reason === undefined ? {} : { reason }),
    ...(details === undefined ? {} : { details }),
    code,
  };
}

function toAnnotations(annotations: ReadonlyMap<string, string>, isCut: boolean): object {
  const told = Object.fromEntries(annotations);
  const all = isCut ? { ...told, 'audit.k8s.io/truncated': 'true' } : told;
  return Object.keys(all).length === 0 ? {} : { annotations: all };
}
