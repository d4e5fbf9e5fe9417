/** What a request asks for, as its path and method tell it. @see https://kubernetes.io/docs/reference/access-authn-authz/authorization/#determine-the-request-verb */
export interface RequestInfo {
  readonly isResource: boolean;
  readonly path: string;
  /** Lower-case HTTP method for other than resource requests. */
  readonly verb: string;
  readonly group: string;
  readonly version: string;
  readonly namespace: string;
  readonly resource: string;
  readonly subresource: string;
  readonly name: string;
  /** What follows the subresource: the path behind a `proxy`. */
  readonly rest: string;
}

const verbs: ReadonlyMap<string, string> = new Map([
  ['GET', 'get'],
  ['HEAD', 'get'],
  ['POST', 'create'],
  ['PUT', 'update'],
  ['PATCH', 'patch'],
  ['DELETE', 'delete'],
]);

/** Subresources of the namespace itself; `namespaces/x/anything-else` is a collection inside it. */
const namespaceSubresources = new Set(['status', 'finalize']);

const nonResource = (method: string, path: string): RequestInfo => ({
  isResource: false,
  path,
  verb: method.toLowerCase(),
  group: '',
  version: '',
  namespace: '',
  resource: '',
  subresource: '',
  name: '',
  rest: '',
});

interface Placed {
  readonly group: string;
  readonly version: string;
  /** Path segments behind the version. */
  readonly parts: readonly string[];
}

function placeOf(path: string): Placed | undefined {
  const parts = path.split('/');
  if (parts.at(-1) === '') parts.pop();
  if (parts[1] === 'api' && parts.length > 3)
    return { group: '', version: parts[2] ?? '', parts: parts.slice(3) };
  if (parts[1] === 'apis' && parts.length > 4)
    return { group: parts[2] ?? '', version: parts[3] ?? '', parts: parts.slice(4) };
  return undefined;
}

function decoded(segment: string | undefined): string {
  if (segment === undefined) return '';
  if (!segment.includes('%')) return segment;
  try {
    return decodeURIComponent(segment);
  } catch {
    // A stray percent sign: it names nothing that exists.
    return segment;
  }
}

/** `watching` is whether the query asks for a watch: it turns a list into one. */
export function parseRequestInfo(method: string, path: string, watching: boolean): RequestInfo {
  const place = placeOf(path);
  if (place === undefined) return nonResource(method, path);
  let parts = place.parts;
  let legacyWatch = false;
  if (parts[0] === 'watch' && parts.length > 1) {
    legacyWatch = true;
    parts = parts.slice(1);
  }
  let namespace = '';
  if (parts[0] === 'namespaces' && parts.length > 2 && !namespaceSubresources.has(parts[2] ?? '')) {
    namespace = decoded(parts[1]);
    parts = parts.slice(2);
  } else if (parts[0] === 'namespaces' && parts.length > 1) namespace = decoded(parts[1]);
  const name = decoded(parts[1]);
  return {
    isResource: true,
    path,
    verb: verbOf(method, name, watching, legacyWatch),
    group: place.group,
    version: place.version,
    namespace,
    resource: parts[0] ?? '',
    subresource: parts[2] ?? '',
    name,
    rest: parts.length > 3 ? `/${parts.slice(3).join('/')}` : '',
  };
}

function verbOf(method: string, name: string, watching: boolean, legacyWatch: boolean): string {
  const verb = verbs.get(method) ?? method.toLowerCase();
  if (legacyWatch) return 'watch';
  if (name !== '') return verb;
  if (verb === 'get') return watching ? 'watch' : 'list';
  return verb === 'delete' ? 'deletecollection' : verb;
}
