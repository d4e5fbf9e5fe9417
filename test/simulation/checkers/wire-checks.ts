import type { AnyObject } from '../../../api/kind-info.ts';
import { parseFieldSelector } from '../../../apiserver/http/field-selector.ts';
import { parseRequestInfo } from '../../../apiserver/http/request-info.ts';
import { keyOf, resourcePrefix } from '../../../apiserver/storage/keys.ts';
import type { RawRequest, RawResponse } from '../../../client/client.ts';
import type { WireObserver } from '../wire.ts';
import type { CheckContext } from './checker.ts';
import { WatchLogCheck, type WatchSelection } from './watch-log.ts';

interface Asked {
  readonly resource: string;
  readonly namespace: string;
  readonly name: string;
  readonly subresource: string;
  readonly query: URLSearchParams;
}

interface ListBody {
  readonly metadata: { readonly resourceVersion: string };
  readonly items?: readonly AnyObject[] | null;
}

/**
 * Reads are linearizable, acknowledged writes are in the store, and every watch tells the store's log without gap or
 * repetition. Compares what passes on the wire with the store's own history.
 */
export class WireChecks implements WireObserver {
  readonly #context: CheckContext;
  /** Answers and watch events that were compared: a check that sees nothing proves nothing. */
  compared = 0;

  constructor(context: CheckContext) {
    this.#context = context;
  }

  sent(request: RawRequest, client: string): ((response: RawResponse) => void) | undefined {
    const asked = toAsked(request);
    if (asked === undefined || asked.subresource !== '' || asked.query.has('resourceVersion'))
      return undefined;
    const startVersion = this.#context.history.version;
    return (response) => {
      const who = `${client}: ${request.method} ${request.path}`;
      if (request.method === 'GET' && asked.name !== '') this.#checkGet(who, asked, startVersion, response);
      else if (request.method === 'GET') this.#checkList(who, asked, startVersion, response);
      else if (response.status < 300 && request.method !== 'DELETE') this.#checkWrite(who, response);
    };
  }

  opened(request: RawRequest, client: string): ((bytes: Buffer) => void) | undefined {
    const asked = toAsked(request);
    if (asked === undefined || asked.query.has('labelSelector')) return undefined;
    const selection = toSelection(asked);
    const from = asked.query.get('resourceVersion') ?? '';
    const check = new WatchLogCheck(this.#context.history, selection, from);
    return (bytes) => {
      for (const line of bytes.toString().split('\n')) {
        if (line === '') continue;
        this.compared += 1;
        const wrong = check.read(JSON.parse(line));
        if (wrong !== undefined) this.#context.violate('watch', `${client}: ${request.path}: ${wrong}`);
      }
    };
  }

  /** The answer is a state that the object had at some point between question and answer. */
  #checkGet(who: string, asked: Asked, startVersion: number, response: RawResponse): void {
    if (response.status !== 200 && response.status !== 404) return;
    const { history } = this.#context;
    const key = keyOf(asked.resource, asked.namespace, asked.name);
    const possible = history
      .versionsOf(key)
      .filter((_, at, all) => (all[at + 1]?.version ?? Number.POSITIVE_INFINITY) > startVersion);
    const first = history.versionsOf(key)[0];
    const wasAbsent = first === undefined || first.version > startVersion;
    this.compared += 1;
    const found = response.status === 200 ? (JSON.parse(response.body.toString()) as AnyObject) : undefined;
    const version = Number(found?.metadata.resourceVersion);
    const fits =
      found === undefined
        ? wasAbsent || possible.some(({ object }) => object === undefined)
        : possible.some((one) => one.object !== undefined && one.version === version);
    if (!fits)
      this.#context.violate('linearizable', `${who}: answered ${found === undefined ? '404' : version}`);
  }

  /** The list is the state of a moment that is not before the question. */
  #checkList(who: string, asked: Asked, startVersion: number, response: RawResponse): void {
    if (response.status !== 200 || asked.query.size > 0) return;
    const { history } = this.#context;
    const list = JSON.parse(response.body.toString()) as ListBody;
    const version = Number(list.metadata.resourceVersion);
    this.compared += 1;
    if (version < startVersion)
      this.#context.violate('linearizable', `${who}: as of ${version}, but ${startVersion} was before`);
    const listed = (list.items ?? []).map(({ metadata }) => metadata.resourceVersion).sort();
    const prefix = `${resourcePrefix(asked.resource)}${asked.namespace === '' ? '' : `${asked.namespace}/`}`;
    const stored = history
      .statesAt(version, prefix)
      .map(({ metadata }) => metadata.resourceVersion)
      .sort();
    if (listed.join() !== stored.join())
      this.#context.violate('linearizable', `${who}: ${listed.length} objects, not those of ${version}`);
  }

  #checkWrite(who: string, response: RawResponse): void {
    const object = JSON.parse(response.body.toString()) as Partial<AnyObject>;
    const { metadata } = object;
    if (metadata?.resourceVersion === undefined || metadata.name === undefined) return;
    this.compared += 1;
    if (!this.#context.history.knows(Number(metadata.resourceVersion)))
      this.#context.violate('acknowledged', `${who}: ${metadata.resourceVersion} is not in the store`);
  }
}

function toAsked(request: RawRequest): Asked | undefined {
  const url = new URL(request.path, 'https://simulated');
  const info = parseRequestInfo(request.method, url.pathname, false);
  if (!info.isResource || info.group === 'coracle.dev') return undefined;
  const { namespace, name, subresource } = info;
  const isNamespace = info.resource === 'namespaces';
  return {
    ...{ name, subresource, query: url.searchParams },
    namespace: isNamespace ? '' : namespace,
    resource: `${info.group}/${info.resource}`,
  };
}

function toSelection({ resource, namespace, query }: Asked): WatchSelection {
  const fields = parseFieldSelector(query.get('fieldSelector') ?? '');
  const [field] = fields.map(({ key, values }) => ({ path: key.split('.'), value: values[0] ?? '' }));
  return { resource, namespace, field };
}
