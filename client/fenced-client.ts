import type { ApiClient } from './client.ts';
import { TransportError } from './transport-error.ts';

/** What tells whether this process leads. @see LeaderElector */
export interface Lead {
  whenSure(): Promise<boolean>;
}

/**
 * A client for led work: a write goes out only when it is certain that this process leads; one of a deposed leader
 * rejects with `TransportError` and is not sent. Reads pass.
 */
export function fencedClient(client: ApiClient, lead: Lead): ApiClient {
  const whenLeading = async <V>(write: () => Promise<V>): Promise<V> => {
    if (!(await lead.whenSure())) throw new TransportError('not sent: this process does not lead');
    return write();
  };
  return {
    isConnected: () => client.isConnected(),
    get: (type, ref, subresource) => client.get(type, ref, subresource),
    list: (type, request) => client.list(type, request),
    watch: (type, request, signal) => client.watch(type, request, signal),
    create: (type, object, options) => whenLeading(() => client.create(type, object, options)),
    update: (type, object, options) => whenLeading(() => client.update(type, object, options)),
    patch: (type, ref, patch, options) => whenLeading(() => client.patch(type, ref, patch, options)),
    delete: (type, ref, options) => whenLeading(() => client.delete(type, ref, options)),
    deleteCollection: (type, selection, options) =>
      whenLeading(() => client.deleteCollection(type, selection, options)),
    createSubresource: (type, ref, subresource, body) =>
      whenLeading(() => client.createSubresource(type, ref, subresource, body)),
    request: (request) =>
      request.method === 'GET' ? client.request(request) : whenLeading(() => client.request(request)),
  };
}
