import type { IncomingHttpHeaders } from 'node:http';
import { StatusError } from '../../api/status-error.ts';
import type { UserInfo } from '../registry/strategy.ts';
import { authenticatedGroup, mastersGroup } from './authenticator.ts';

const extraPrefix = 'impersonate-extra-';

/** Whom the sender wants to act as. @throws StatusError 403 unless the sender is a master, 500 for incomplete headers */
export function impersonate(user: UserInfo, headers: IncomingHttpHeaders): UserInfo {
  const name = one(headers['impersonate-user']);
  const groups = many(headers['impersonate-group']);
  const uid = one(headers['impersonate-uid']);
  const extras = Object.keys(headers).filter((header) => header.startsWith(extraPrefix));
  if (name === undefined && groups.length === 0 && uid === undefined && extras.length === 0) return user;
  if (name === undefined || name === '')
    throw new StatusError({
      reason: 'InternalError',
      code: 500,
      message:
        'Internal error occurred: requested impersonation without impersonating a user: no username was given',
      details: { causes: [{ message: 'requested impersonation without a user name' }] },
    });
  if (!user.groups.includes(mastersGroup))
    throw new StatusError({
      reason: 'Forbidden',
      code: 403,
      message: `users "${name}" is forbidden: User "${user.name}" cannot impersonate resource "users" in API group "" at the cluster scope`,
      details: { name, kind: 'users' },
    });
  return {
    name,
    uid: uid ?? '',
    groups: impersonatedGroups(name, groups),
    extra: Object.fromEntries(
      extras.map((header) => [decodeURIComponent(header.slice(extraPrefix.length)), many(headers[header])]),
    ),
  };
}

function impersonatedGroups(name: string, groups: readonly string[]): string[] {
  const account = /^system:serviceaccount:([^:]+):[^:]+$/.exec(name);
  const given =
    groups.length === 0 && account !== null
      ? ['system:serviceaccounts', `system:serviceaccounts:${account[1]}`]
      : [...groups];
  const own = name === 'system:anonymous' ? 'system:unauthenticated' : authenticatedGroup;
  return given.includes(own) ? given : [...given, own];
}

const one = (value: string | string[] | undefined): string | undefined =>
  Array.isArray(value) ? value[0] : value;

/** Node joins repeated headers of unknown names with a comma. */
function many(value: string | string[] | undefined): string[] {
  if (value === undefined) return [];
  return [value].flat().flatMap((part) => part.split(',').map((item) => item.trim()));
}
