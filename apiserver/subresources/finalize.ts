import type { Namespace } from '../../api/generated/core-v1.ts';
import type { AnyObject } from '../../api/kind-info.ts';
import { badRequest } from '../../api/status-error.ts';
import { fieldManagerOf } from '../http/api-request.ts';
import { readBody } from '../http/body.ts';
import { negotiate } from '../http/negotiation.ts';
import { shapedAnswer } from '../http/reads.ts';
import type { SubresourceRoutes } from '../http/router.ts';
import { parseWriteOptions } from '../http/write-options.ts';
import type { WriteDependencies } from '../http/writes.ts';

const attempts = 5;

/** `PUT namespaces/<name>/finalize`: what empties a namespace takes its finalizers off. */
export function finalizeRoutes(deps: WriteDependencies): SubresourceRoutes {
  return {
    update: async (request) => {
      const { strategy, info, user, headers } = request;
      const options = parseWriteOptions(request.query, 'UpdateOptions');
      const { object } = readBody(deps.registry, request, strategy.kind, options.fieldValidation);
      const name = object.metadata.name ?? '';
      if (name !== '' && name !== info.name)
        throw badRequest(
          `the name of the object (${name}) does not match the name on the URL (${info.name})`,
        );
      const finalizers = (object as Namespace & AnyObject).spec?.finalizers ?? [];
      const written = await deps.store.mutate({
        ...{ strategy, user, attempts, namespace: '', name: info.name, subresource: 'finalize' },
        ...{ dryRun: options.dryRun, fieldManager: fieldManagerOf(options.fieldManager, headers) },
        internal: true,
        next: (current) => withFinalizers(current, object, finalizers),
      });
      const negotiated = negotiate(headers.accept);
      return shapedAnswer(deps, request, { status: 200, json: written.json, negotiated });
    },
  };
}

/** Besides the finalizers, the labels and annotations of the body count. */
function withFinalizers(current: AnyObject, body: AnyObject, finalizers: readonly string[]): AnyObject {
  const { labels, annotations } = body.metadata;
  const metadata = { ...current.metadata };
  const standard = { 'kubernetes.io/metadata.name': metadata.name ?? '' };
  metadata.labels = { ...labels, ...standard };
  if (annotations === undefined) delete metadata.annotations;
  else metadata.annotations = annotations;
  const { spec } = current as Namespace & AnyObject;
  const next = { ...spec, finalizers: [...finalizers] };
  return { ...current, metadata, spec: finalizers.length === 0 ? {} : next };
}
