import { StatusError } from '../../api/status-error.ts';
import type { Discovery, DiscoveryDocument } from '../discovery/discovery.ts';
import { type Answer, methodNotAllowed, noSuchResource, pageNotFound } from './answer.ts';
import type { ApiRequest } from './api-request.ts';
import { negotiate, parseAccept } from './negotiation.ts';

const aggregatedType = 'application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList';

/** `/api`, `/apis` and what is directly below; undefined for another path. */
export function answerDiscovery(discovery: Discovery, request: ApiRequest): Answer | undefined {
  const parts = request.info.path.split('/').filter((part) => part !== '');
  const [root, first, second] = parts;
  if ((root !== 'api' && root !== 'apis') || parts.length > 3) return undefined;
  if (request.method !== 'GET' && request.method !== 'HEAD') throw methodNotAllowed();
  if (root === 'api') {
    if (parts.length > 2) return undefined;
    if (first !== undefined) return documentAnswer(request, discovery.resources('', first) ?? missing());
    return rootAnswer(request, discovery.aggregated(true), discovery.coreVersions());
  }
  if (first === undefined) return rootAnswer(request, discovery.aggregated(false), discovery.groupList());
  if (!discovery.hasGroup(first)) return pageNotFound;
  const document = second === undefined ? discovery.group(first) : discovery.resources(first, second);
  return documentAnswer(request, document ?? missing());
}

function missing(): never {
  throw noSuchResource();
}

function rootAnswer(request: ApiRequest, aggregated: DiscoveryDocument, legacy: DiscoveryDocument): Answer {
  const header = request.headers.accept ?? '';
  for (const range of parseAccept(header)) {
    const isDiscovery = range.parameters.get('as') === 'APIGroupDiscoveryList';
    if (!isDiscovery) break;
    if (range.parameters.get('g') === 'apidiscovery.k8s.io' && range.parameters.get('v') === 'v2')
      return documentAnswer(request, aggregated, aggregatedType);
  }
  return documentAnswer(request, legacy, 'application/json', withoutDiscovery(header));
}

/** The plain form may stand behind several that ask for aggregation. */
const withoutDiscovery = (header: string): string =>
  header
    .split(',')
    .filter((range) => !range.includes('as=APIGroupDiscoveryList'))
    .join(',');

function documentAnswer(
  request: ApiRequest,
  document: DiscoveryDocument,
  contentType = 'application/json',
  accept: string | undefined = undefined,
): Answer {
  if (contentType === 'application/json') requireJson(accept ?? request.headers.accept);
  const headers = { etag: document.etag, vary: 'Accept' };
  if (request.headers['if-none-match'] === document.etag)
    return { status: 304, contentType, body: '', headers };
  return { status: 200, contentType, body: document.body, headers };
}

function requireJson(accept: string | undefined): void {
  const { shape } = negotiate(accept);
  if (shape !== 'object')
    throw new StatusError({
      reason: 'NotAcceptable',
      code: 406,
      message: '406: Not Acceptable',
      details: {},
    });
}
