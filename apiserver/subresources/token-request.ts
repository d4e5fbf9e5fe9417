import type { AnyObject } from '../../api/kind-info.ts';
import { badRequest, conflict, notFound, type StatusError } from '../../api/status-error.ts';
import { toTime } from '../../base/clock.ts';
import type { BoundObject, KubernetesClaims, TokenSigner } from '../authentication/service-account-token.ts';
import { type Answer, noSuchResource, objectAnswer } from '../http/answer.ts';
import type { ResourceRequest } from '../http/api-request.ts';
import { readBody } from '../http/body.ts';
import { negotiate } from '../http/negotiation.ts';
import type { SubresourceRoutes } from '../http/router.ts';
import { parseWriteOptions } from '../http/write-options.ts';
import type { WriteDependencies } from '../http/writes.ts';
import { invalid, invalidError } from '../registry/field-error.ts';
import type { CachedObject } from '../watch-cache/read-cache.ts';
import { admitCreate } from './admit.ts';

const tokenKind = {
  group: 'authentication.k8s.io',
  version: 'v1',
  kind: 'TokenRequest',
  schema: 'io.k8s.api.authentication.v1.TokenRequest',
};
const defaultSeconds = 3_600;
const minSeconds = 600;
const maxSeconds = 2 ** 32;

interface TokenSpec {
  readonly audiences?: readonly string[];
  readonly expirationSeconds?: number;
  readonly boundObjectRef?: {
    readonly kind?: string;
    readonly apiVersion?: string;
    readonly name?: string;
    readonly uid?: string;
  };
}

/** `POST serviceaccounts/<name>/token`. */
export function tokenRoutes(deps: WriteDependencies, signer: TokenSigner | undefined): SubresourceRoutes {
  return {
    create: (request) => {
      if (signer === undefined) throw noSuchResource();
      return createToken(deps, signer, request);
    },
  };
}

async function createToken(
  deps: WriteDependencies,
  signer: TokenSigner,
  request: ResourceRequest,
): Promise<Answer> {
  const { strategy, info, query } = request;
  const options = parseWriteOptions(query, 'CreateOptions');
  const { object } = readBody(deps.registry, request, tokenKind, options.fieldValidation);
  checkName(request, object);
  const spec = (object['spec'] ?? {}) as TokenSpec;
  const wantedSeconds = spec.expirationSeconds ?? defaultSeconds;
  checkDuration(wantedSeconds);
  const expirationSeconds = Math.min(wantedSeconds, signer.maxExpirationSeconds);
  const warnings =
    expirationSeconds < wantedSeconds
      ? [`requested expiration of ${wantedSeconds} seconds shortened to ${expirationSeconds} seconds`]
      : [];
  await admitCreate(deps, request, object, options.dryRun);
  const account = await deps.store.read(strategy, info.namespace, info.name);
  if (account === undefined) throw notFound(strategy.kind, info.name);
  const bound = await boundClaims(deps, request, spec);
  const { namespace } = info;
  const claims = {
    namespace,
    ...bound.claims,
    serviceaccount: { name: account.name, uid: account.uid },
  };
  const asked = spec.audiences ?? [];
  const audiences = asked.length === 0 ? signer.audiences : asked;
  const { token, expiresMs } = await signer.issue({ audiences, expirationSeconds, claims });
  const answer = {
    kind: tokenKind.kind,
    apiVersion: 'authentication.k8s.io/v1',
    metadata: {
      name: account.name,
      namespace,
      uid: account.uid,
      creationTimestamp: toTime(deps.clock.nowMs()),
    },
    spec: { audiences, expirationSeconds, boundObjectRef: bound.reference },
    status: { token, expirationTimestamp: toTime(expiresMs) },
  };
  return objectAnswer(201, answer, negotiate(request.headers.accept), warnings);
}

/** @throws StatusError 422 when the body is about another account than the path */
function checkName({ info }: ResourceRequest, { metadata }: AnyObject): void {
  const { name = '', namespace = '' } = metadata;
  if (name !== '' && name !== info.name)
    throw invalidError(tokenKind, info.name, [
      invalid('metadata.name', name, 'must match the service account name if specified'),
    ]);
  if (namespace !== '' && namespace !== info.namespace)
    throw invalidError(tokenKind, info.name, [
      invalid('metadata.namespace', namespace, 'must match the service account namespace if specified'),
    ]);
}

function checkDuration(seconds: number): void {
  const refuse = (detail: string): StatusError =>
    invalidError(tokenKind, '', [invalid('spec.expirationSeconds', seconds, detail)]);
  if (seconds < minSeconds) throw refuse('may not specify a duration less than 10 minutes');
  if (seconds > maxSeconds) throw refuse('may not specify a duration larger than 2^32 seconds');
}

interface Bound {
  readonly claims: Pick<KubernetesClaims, 'pod' | 'node' | 'secret'>;
  readonly reference: TokenSpec['boundObjectRef'] | null;
}

async function boundClaims(
  deps: WriteDependencies,
  request: ResourceRequest,
  { boundObjectRef: reference }: TokenSpec,
): Promise<Bound> {
  if (reference === undefined || reference === null) return { claims: {}, reference: null };
  const { kind = '', apiVersion = '', name = '', uid = '' } = reference;
  const plural = { Pod: 'pods', Secret: 'secrets', Node: 'nodes' }[kind];
  if (plural === undefined || apiVersion !== 'v1')
    throw badRequest(`cannot bind token for serviceaccount "${request.info.name}" to object type ${kind}`);
  const strategy = deps.registry.byResource('', 'v1', plural);
  if (strategy === undefined) throw noSuchResource();
  const home = kind === 'Node' ? '' : request.info.namespace;
  const found = await deps.store.read(strategy, home, name);
  if (found === undefined) throw notFound(strategy.kind, name);
  if (uid !== '' && uid !== found.uid)
    throw conflict(
      strategy.kind,
      name,
      `the UID in the bound object reference (${uid}) does not match the UID in record. The object might have been deleted and then recreated`,
    );
  const bound: BoundObject = { name: found.name, uid: found.uid };
  if (kind === 'Secret') return { claims: { secret: bound }, reference };
  if (kind === 'Node') return { claims: { node: bound }, reference };
  return { claims: podClaims(deps, request, found, bound), reference };
}

function podClaims(
  deps: WriteDependencies,
  request: ResourceRequest,
  found: CachedObject,
  pod: BoundObject,
): Bound['claims'] {
  if (found.fields.get('spec.serviceAccountName') !== request.info.name)
    throw badRequest(
      `cannot bind token for serviceaccount "${request.info.name}" to pod running with different serviceaccount name.`,
    );
  const nodeName = found.fields.get('spec.nodeName') ?? '';
  if (nodeName === '') return { pod };
  const uid = deps.cache.get('/nodes', '', nodeName)?.uid ?? '';
  return { pod, ...(uid === '' ? {} : { node: { name: nodeName, uid } }) };
}
