import type { Selector } from '../../api/selector.ts';
import { StatusError } from '../../api/status-error.ts';
import type { UserInfo } from '../registry/strategy.ts';

/** What somebody wants to do. @see authorization.k8s.io/v1 SubjectAccessReviewSpec */
export interface Attributes {
  readonly user: UserInfo;
  readonly verb: string;
  readonly isResource: boolean;
  readonly group: string;
  readonly version: string;
  readonly resource: string;
  readonly subresource: string;
  readonly namespace: string;
  readonly name: string;
  readonly path: string;
  /** What a list or a watch narrows itself to; everything when it does not. */
  readonly fields: Selector;
}

export interface Decision {
  readonly allowed: boolean;
  /** For whom it concerns: why it is allowed, or what is missing. */
  readonly reason: string;
}

/** Nothing is known that would allow it. */
export const noOpinion: Decision = { allowed: false, reason: '' };

/** Decides. What nobody allows is denied. */
export interface Authorizer {
  authorize(attributes: Attributes): Decision | Promise<Decision>;
}

/** 403 in Kubernetes' words. */
export function deniedError(attributes: Attributes, reason: string): StatusError {
  const why = reason === '' ? '' : `: ${reason}`;
  const { user, verb, group, resource, subresource, namespace, name } = attributes;
  if (!attributes.isResource)
    return new StatusError({
      reason: 'Forbidden',
      code: 403,
      message: `forbidden: User "${user.name}" cannot ${verb} path "${attributes.path}"${why}`,
      details: {},
    });
  const what = subresource === '' ? resource : `${resource}/${subresource}`;
  const where = namespace === '' ? 'at the cluster scope' : `in the namespace "${namespace}"`;
  const qualified = group === '' ? resource : `${resource}.${group}`;
  return new StatusError({
    reason: 'Forbidden',
    code: 403,
    message: `${qualified}${name === '' ? '' : ` "${name}"`} is forbidden: User "${user.name}" cannot ${verb} resource "${what}" in API group "${group}" ${where}${why}`,
    details: {
      ...(name === '' ? {} : { name }),
      ...(group === '' ? {} : { group }),
      kind: resource,
    },
  });
}
