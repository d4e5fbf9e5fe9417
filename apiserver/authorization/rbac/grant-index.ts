/**
 * Who holds which role, by subject: a decision looks up the user and the user's groups and never walks all bindings.
 *
 * Follows the watch cache by its observers: a change of a role or binding touches its own entries only. Cost of a change: the
 * binding's subjects; of a look-up: one map access per group, twice in a namespace.
 *
 * INVARIANTS: every grant of a binding is filed under each of its subjects, once; the grants of one subject are in the order in
 * which their bindings were filed.
 */
import type { Role, RoleBinding, RoleRef, Subject } from '../../../api/generated/rbac-v1.ts';
import type { UserInfo } from '../../registry/strategy.ts';
import { keyOf, resourcePrefix } from '../../storage/keys.ts';
import type { CachedObject, ReadCache } from '../../watch-cache/read-cache.ts';
import { CompiledRules } from './compiled-rules.ts';
import { rbacGroup } from './policy-rule.ts';

/** One binding's gift to one of its subjects. */
export interface Grant {
  /** Storage key of the role. */
  readonly roleKey: string;
  readonly binding: BindingName;
  readonly subject: Subject;
}

/** What of a binding is told to somebody who asks why. */
interface BindingName {
  readonly kind: string;
  readonly name: string;
  /** Empty for the cluster's. */
  readonly namespace: string;
  readonly roleRef: RoleRef;
}

type Subjects = Map<string, Map<string, Grant>>;

/** The bindings of one scope: the cluster, or one namespace. */
class Scope {
  readonly users: Subjects = new Map();
  readonly groups: Subjects = new Map();
}

export const clusterRoles: string = `${rbacGroup}/clusterroles`;
export const roles: string = `${rbacGroup}/roles`;
const clusterRoleBindings = `${rbacGroup}/clusterrolebindings`;
const roleBindings = `${rbacGroup}/rolebindings`;

export class GrantIndex {
  readonly #roles = new Map<string, CompiledRules>();
  /** By namespace; the empty one is the cluster. */
  readonly #scopes = new Map<string, Scope>();
  /** By the key of the binding. */
  readonly #filed = new Map<string, readonly { readonly subjects: Subjects; readonly name: string }[]>();

  constructor(cache: Pick<ReadCache, 'observe'>) {
    for (const resource of [clusterRoles, roles])
      cache.observe(resource, {
        replaced: (objects) => this.#replaceRoles(resource, objects),
        changed: (key, object) => this.#setRole(key, object),
      });
    for (const resource of [clusterRoleBindings, roleBindings])
      cache.observe(resource, {
        replaced: (objects) => this.#replaceBindings(resource, objects),
        changed: (key, object) => this.#setBinding(key, object),
      });
  }

  /** What a role gives; undefined when there is none. */
  rulesOf(roleKey: string): CompiledRules | undefined {
    return this.#roles.get(roleKey);
  }

  /** Grants of the cluster, then of the namespace when one is given, until `visit` answers true. */
  visit(user: UserInfo, namespace: string, visit: (grant: Grant) => boolean): void {
    if (!this.#visitScope('', user, visit) && namespace !== '') this.#visitScope(namespace, user, visit);
  }

  #visitScope(namespace: string, user: UserInfo, visit: (grant: Grant) => boolean): boolean {
    const scope = this.#scopes.get(namespace);
    if (scope === undefined) return false;
    if (visitAll(scope.users.get(user.name), visit)) return true;
    for (const group of user.groups) if (visitAll(scope.groups.get(group), visit)) return true;
    return false;
  }

  #replaceRoles(resource: string, objects: Iterable<CachedObject>): void {
    const prefix = resourcePrefix(resource);
    for (const key of [...this.#roles.keys()]) if (key.startsWith(prefix)) this.#roles.delete(key);
    for (const object of objects) this.#setRole(object.key, object);
  }

  #setRole(key: string, object: CachedObject | undefined): void {
    if (object === undefined) {
      this.#roles.delete(key);
      return;
    }
    const role = JSON.parse(object.json.toString()) as Role;
    this.#roles.set(key, new CompiledRules(role.rules ?? []));
  }

  #replaceBindings(resource: string, objects: Iterable<CachedObject>): void {
    const prefix = resourcePrefix(resource);
    for (const key of [...this.#filed.keys()]) if (key.startsWith(prefix)) this.#setBinding(key, undefined);
    for (const object of objects) this.#setBinding(object.key, object);
  }

  #setBinding(key: string, object: CachedObject | undefined): void {
    for (const { subjects, name } of this.#filed.get(key) ?? []) removeFrom(subjects, name, key);
    this.#filed.delete(key);
    if (object === undefined) return;
    const binding = JSON.parse(object.json.toString()) as RoleBinding;
    const { kind, roleRef } = binding;
    const source = { kind, name: object.name, namespace: object.namespace, roleRef };
    const roleKey = roleKeyOf(roleRef, object.namespace);
    const scope = this.#scope(object.namespace);
    const filed = (binding.subjects ?? []).flatMap((subject) => {
      const place = placeOf(scope, subject, object.namespace);
      if (place === undefined) return [];
      const grants = place.subjects.get(place.name) ?? new Map<string, Grant>();
      place.subjects.set(place.name, grants);
      if (!grants.has(key)) grants.set(key, { roleKey, binding: source, subject });
      return [place];
    });
    this.#filed.set(key, filed);
  }

  #scope(namespace: string): Scope {
    const known = this.#scopes.get(namespace);
    if (known !== undefined) return known;
    const scope = new Scope();
    this.#scopes.set(namespace, scope);
    return scope;
  }
}

function visitAll(grants: ReadonlyMap<string, Grant> | undefined, visit: (grant: Grant) => boolean): boolean {
  if (grants !== undefined) for (const grant of grants.values()) if (visit(grant)) return true;
  return false;
}

/** A Role is looked for in the binding's namespace. */
export function roleKeyOf(
  { kind, name }: { readonly kind: string; readonly name: string },
  namespace: string,
): string {
  return kind === 'Role' ? keyOf(roles, namespace, name) : keyOf(clusterRoles, '', name);
}

function placeOf(
  scope: Scope,
  subject: Subject,
  namespace: string,
): { readonly subjects: Subjects; readonly name: string } | undefined {
  switch (subject.kind) {
    case 'User':
      return { subjects: scope.users, name: subject.name };
    case 'Group':
      return { subjects: scope.groups, name: subject.name };
    case 'ServiceAccount': {
      // Without a namespace it is one of the binding's own.
      const home = (subject.namespace ?? '') === '' ? namespace : subject.namespace;
      if (home === '') return undefined;
      return { subjects: scope.users, name: `system:serviceaccount:${home}:${subject.name}` };
    }
    default:
      return undefined;
  }
}

function removeFrom(subjects: Subjects, name: string, key: string): void {
  const grants = subjects.get(name);
  grants?.delete(key);
  if (grants?.size === 0) subjects.delete(name);
}
