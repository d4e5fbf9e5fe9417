import type { AnyObject } from '../../api/kind-info.ts';
import { toAttributes } from '../admission/admission.ts';
import type { ResourceRequest } from '../http/api-request.ts';
import type { ResourceHandler } from '../http/router.ts';
import type { WriteDependencies } from '../http/writes.ts';

/** Admission of what is created under an object and not stored. @throws StatusError when it is refused */
export async function admitCreate(
  deps: WriteDependencies,
  request: ResourceRequest,
  object: AnyObject | undefined,
  dryRun: boolean,
): Promise<void> {
  const { strategy, user, info } = request;
  const { namespace, name, subresource } = info;
  const attributes = toAttributes({
    ...{ operation: 'CREATE', strategy, namespace, name, subresource, user, dryRun },
    ...{ object, previous: undefined },
  });
  const { admission } = deps.store.dependencies;
  await admission.mutate(attributes);
  await admission.validate(attributes);
}

/** The same for a handler that reads its body itself: admission sees whose object it is about. */
export function admitted(deps: WriteDependencies, handler: ResourceHandler | undefined): ResourceHandler {
  return async (request) => {
    await admitCreate(deps, request, undefined, false);
    return handler?.(request);
  };
}
