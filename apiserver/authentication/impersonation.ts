/**
 * Acting as somebody else: `Impersonate-User`, `-Group`, `-Uid` and `-Extra-<key>`. Whoever asks needs the verb `impersonate` on each of
 * the things that make up the other one.
 * @see https://kubernetes.io/docs/reference/access-authn-authz/user-impersonation/
 */
import { everything } from '../../api/selector.ts';
import { badRequest } from '../../api/status-error.ts';
import { type Attributes, type Authorizer, deniedError } from '../authorization/authorizer.ts';
import type { UserInfo } from '../registry/strategy.ts';
import { anonymous, authenticatedGroup } from './authenticator.ts';
import { headerValues, type RequestHeaders } from './header-values.ts';

const headerPrefix = 'impersonate-';
const extraPrefix = 'impersonate-extra-';
const authenticationGroup = 'authentication.k8s.io';
const unauthenticatedGroup = 'system:unauthenticated';

/** Whom the sender wants to act as, as the headers say it. */
function wantedUser(request: RequestHeaders): UserInfo | undefined {
  const { headers } = request;
  let asked = false;
  for (const name in headers) if (name.startsWith(headerPrefix)) asked = true;
  if (!asked) return undefined;
  const extras = Object.keys(headers).filter((header) => header.startsWith(extraPrefix));
  const wanted: UserInfo = {
    name: headerValues(request, 'impersonate-user')[0] ?? '',
    uid: headerValues(request, 'impersonate-uid')[0] ?? '',
    groups: headerValues(request, 'impersonate-group'),
    extra: Object.fromEntries(
      extras.map((header) => [decoded(header.slice(extraPrefix.length)), headerValues(request, header)]),
    ),
  };
  if (wanted.name !== '') return wanted;
  if (wanted.uid === '' && wanted.groups.length === 0 && extras.length === 0) return undefined;
  throw badRequest(`requested ${asGo(wanted)} without impersonating a user name`);
}

/** @throws StatusError 403 naming the first thing that the sender may not be, 400 for incomplete headers */
export async function impersonate(
  user: UserInfo,
  headers: RequestHeaders,
  authorizer: Authorizer,
): Promise<UserInfo> {
  const wanted = wantedUser(headers);
  if (wanted === undefined) return user;
  for (const thing of partsOf(wanted)) {
    const attributes: Attributes = {
      ...{ user, verb: 'impersonate', isResource: true, version: '', subresource: '', namespace: '' },
      ...{ group: '', path: '', fields: everything, ...thing },
    };
    const decision = await authorizer.authorize(attributes);
    if (!decision.allowed) throw deniedError(attributes, decision.reason);
  }
  return { ...wanted, groups: groupsOf(wanted) };
}

type Part = Pick<Attributes, 'resource' | 'name'> & Partial<Attributes>;

function partsOf({ name, uid, groups, extra }: UserInfo): Part[] {
  const account = accountOf(name);
  return [
    account === undefined
      ? { resource: 'users', name }
      : { resource: 'serviceaccounts', name: account.name, namespace: account.namespace },
    ...groups.map((group) => ({ resource: 'groups', name: group })),
    ...Object.entries(extra).flatMap(([key, values]) =>
      values.map((value) => ({
        ...{ group: authenticationGroup, version: 'v1', resource: 'userextras' },
        ...{ subresource: key, name: value },
      })),
    ),
    ...(uid === '' ? [] : [{ group: authenticationGroup, version: 'v1', resource: 'uids', name: uid }]),
  ];
}

function groupsOf({ name, groups }: UserInfo): readonly string[] {
  const account = accountOf(name);
  const given =
    groups.length === 0 && account !== undefined
      ? ['system:serviceaccounts', `system:serviceaccounts:${account.namespace}`]
      : groups;
  if (given.includes(authenticatedGroup) || given.includes(unauthenticatedGroup)) return given;
  return [...given, name === anonymous.name ? unauthenticatedGroup : authenticatedGroup];
}

function accountOf(user: string): { readonly namespace: string; readonly name: string } | undefined {
  const [, namespace, name] = /^system:serviceaccount:([^:]+):([^:]+)$/.exec(user) ?? [];
  return namespace === undefined || name === undefined ? undefined : { namespace, name };
}

function decoded(key: string): string {
  try {
    return decodeURIComponent(key);
  } catch {
    // A stray percent sign stands for itself.
    return key;
  }
}

/** Go's `%#v` of the user, which is what Kubernetes tells. */
function asGo({ uid, groups, extra }: UserInfo): string {
  const keys = Object.keys(extra).sort();
  const list = (values: readonly string[]): string => `[]string{${values.map(quote).join(', ')}}`;
  const map = keys.map((key) => `${quote(key)}:${list(extra[key] ?? [])}`).join(', ');
  return `&user.DefaultInfo{Name:"", UID:${quote(uid)}, Groups:${
    groups.length === 0 ? '[]string(nil)' : list(groups)
  }, Extra:map[string][]string${keys.length === 0 ? '(nil)' : `{${map}}`}}`;
}

const quote = (text: string): string => JSON.stringify(text);
