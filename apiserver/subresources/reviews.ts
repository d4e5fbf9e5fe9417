import { type AnyObject, toApiVersion } from '../../api/kind-info.ts';
import { badRequest } from '../../api/status-error.ts';
import { toTime } from '../../base/clock.ts';
import type { Authenticator } from '../authentication/authenticator.ts';
import type { Authorizer } from '../authorization/authorizer.ts';
import { type Answer, objectAnswer } from '../http/answer.ts';
import type { ApiRequest } from '../http/api-request.ts';
import { type BodyKind, readBody } from '../http/body.ts';
import { negotiateObject } from '../http/negotiation.ts';
import type { VirtualHandler } from '../http/router.ts';
import type { WriteDependencies } from '../http/writes.ts';
import type { UserInfo } from '../registry/strategy.ts';
import { type AccessQuestion, accessAttributes } from '../reviews/access-attributes.ts';
import { checkAccessReview } from '../reviews/access-validation.ts';

export interface ReviewDependencies extends WriteDependencies {
  readonly authorizer: Authorizer;
  readonly authenticator: Authenticator | undefined;
}

const kindOf = (group: string, kind: string): BodyKind => ({
  group,
  version: 'v1',
  kind,
  schema: `io.k8s.api.${group.split('.')[0]}.v1.${kind}`,
});

const userOf = ({ name, uid, groups, extra }: UserInfo): object => ({
  username: name,
  ...(uid === '' ? {} : { uid }),
  groups,
  ...(Object.keys(extra).length === 0 ? {} : { extra }),
});

/** Questions that are answered and not stored. */
export function reviewHandlers(deps: ReviewDependencies): [string, VirtualHandler][] {
  const authentication = 'authentication.k8s.io';
  const authorization = 'authorization.k8s.io';
  return [
    [`${authentication}/v1/selfsubjectreviews`, (request) => reviewSelf(deps, request)],
    [`${authentication}/v1/tokenreviews`, (request) => reviewToken(deps, request)],
    ...['SelfSubjectAccessReview', 'SubjectAccessReview', 'LocalSubjectAccessReview'].map(
      (kind): [string, VirtualHandler] => [
        `${authorization}/v1/${kind.toLowerCase()}s`,
        (request) => reviewAccess(deps, request, kindOf(authorization, kind)),
      ],
    ),
  ];
}

function read(deps: ReviewDependencies, request: ApiRequest, kind: BodyKind): AnyObject {
  return readBody(deps.registry, request, kind, 'Warn').object;
}

async function reviewSelf(deps: ReviewDependencies, request: ApiRequest): Promise<Answer> {
  const kind = kindOf('authentication.k8s.io', 'SelfSubjectReview');
  read(deps, request, kind);
  return answer(request, kind, {
    metadata: { creationTimestamp: toTime(deps.clock.nowMs()) },
    status: { userInfo: userOf(request.user) },
  });
}

async function reviewToken(deps: ReviewDependencies, request: ApiRequest): Promise<Answer> {
  const kind = kindOf('authentication.k8s.io', 'TokenReview');
  const object = read(deps, request, kind);
  const spec = (object['spec'] ?? {}) as { readonly token?: string; readonly audiences?: readonly string[] };
  const token = spec.token ?? '';
  if (token === '') throw badRequest('token is required for TokenReview in authentication');
  const reviewed = await deps.authenticator?.review(token, spec.audiences ?? []);
  const status =
    reviewed === undefined || 'problem' in reviewed
      ? { user: {}, error: reviewed?.problem ?? 'invalid bearer token' }
      : { authenticated: true, user: userOf(reviewed.user), audiences: reviewed.audiences };
  return answer(request, kind, { metadata: object.metadata, spec, status });
}

async function reviewAccess(deps: ReviewDependencies, request: ApiRequest, kind: BodyKind): Promise<Answer> {
  const object = read(deps, request, kind);
  const spec = (object['spec'] ?? {}) as AccessQuestion;
  const self = kind.kind === 'SelfSubjectAccessReview';
  const user: UserInfo = self
    ? request.user
    : { name: spec.user ?? '', uid: spec.uid ?? '', groups: spec.groups ?? [], extra: spec.extra ?? {} };
  const local = kind.kind === 'LocalSubjectAccessReview';
  checkAccessReview(spec, { self, namespace: local ? request.info.namespace : undefined });
  const { attributes, problem } = accessAttributes(spec, user);
  const decision = await deps.authorizer.authorize(attributes);
  const status = {
    allowed: decision.allowed,
    ...(decision.reason === '' ? {} : { reason: decision.reason }),
    ...(problem === '' ? {} : { evaluationError: problem }),
  };
  return answer(request, kind, { metadata: object.metadata, spec, status });
}

function answer(request: ApiRequest, kind: BodyKind, fields: object): Answer {
  const object = { kind: kind.kind, apiVersion: toApiVersion(kind), ...fields };
  return objectAnswer(201, object, negotiateObject(request.headers.accept));
}
