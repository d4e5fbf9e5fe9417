import { StatusError } from '../../api/status-error.ts';
import { protobufType } from '../decode/protobuf/body.ts';
import type { Discovery, DiscoveryDocument } from '../discovery/discovery.ts';
import { type Answer, methodNotAllowed, noSuchResource, objectAnswer, pageNotFound } from './answer.ts';
import type { ApiRequest } from './api-request.ts';
import { type Negotiated, negotiate, parseAccept, plainJson } from './negotiation.ts';

const aggregatedForm: Negotiated = {
  ...plainJson,
  contentType: 'application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList',
};

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
    // There is no message for it here: who takes only that gets what stands behind.
    if (range.type === protobufType) continue;
    if (range.parameters.get('g') === 'apidiscovery.k8s.io' && range.parameters.get('v') === 'v2')
      return documentAnswer(request, aggregated, aggregatedForm);
  }
  return documentAnswer(request, legacy, plainForm(withoutDiscovery(header)));
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
  form: Negotiated = plainForm(request.headers.accept),
): Answer {
  const { contentType, media } = form;
  const headers = { etag: document.etag, vary: 'Accept' };
  if (request.headers['if-none-match'] === document.etag)
    return { status: 304, contentType, body: '', headers };
  if (media === 'json') return { status: 200, contentType, body: document.body, headers };
  const answer = objectAnswer(200, JSON.parse(document.body.toString()) as object, form);
  return { ...answer, headers };
}

/** A form of the whole document. @throws StatusError 406 */
function plainForm(accept: string | undefined): Negotiated {
  const negotiated = negotiate(accept);
  if (negotiated.shape === 'object') return negotiated;
  throw new StatusError({ reason: 'NotAcceptable', code: 406, message: '406: Not Acceptable', details: {} });
}
