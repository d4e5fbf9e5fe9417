/**
 * Nobody grants what they do not hold: who writes a role must hold every right in it, or may `escalate`; who writes a binding must
 * hold every right of its role, or may `bind` it. Asked after all that changes the object and before validation, as in Kubernetes.
 * @see https://kubernetes.io/docs/reference/access-authn-authz/rbac/#privilege-escalation-prevention-and-bootstrapping
 */
import { isDeepStrictEqual } from 'node:util';
import type { ClusterRole, PolicyRule, RoleRef } from '../../../api/generated/rbac-v1.ts';
import type { AnyObject } from '../../../api/kind-info.ts';
import { everything } from '../../../api/selector.ts';
import { forbidden, notFound, type StatusError } from '../../../api/status-error.ts';
import type { AdmissionAttributes, AdmissionPlugin } from '../../admission/admission.ts';
import { mastersGroup } from '../../authentication/authenticator.ts';
import type { ReadCache } from '../../watch-cache/read-cache.ts';
import type { Attributes, Authorizer } from '../authorizer.ts';
import {
  compactRules,
  countRights,
  describeRule,
  missingRules,
  quotedList,
  type Rule,
  rbacGroup,
} from './policy-rule.ts';
import type { RbacAuthorizer } from './rbac-authorizer.ts';

const fullAuthority: readonly Rule[] = [
  { verbs: ['*'], apiGroups: ['*'], resources: ['*'] },
  { verbs: ['*'], nonResourceURLs: ['*'] },
];

/** Single rights that are looked for one by one; the largest of the default roles has 418. */
const maxRights = 20_000;

export interface EscalationCheckOptions {
  readonly rbac: RbacAuthorizer;
  readonly authorizer: Authorizer;
  readonly cache: Pick<ReadCache, 'waitCurrent'>;
}

export class EscalationCheck implements AdmissionPlugin {
  readonly name = 'RBACEscalation';
  readonly #options: EscalationCheckOptions;

  constructor(options: EscalationCheckOptions) {
    this.#options = options;
  }

  mutate(attributes: AdmissionAttributes): Promise<void> | undefined {
    const { strategy, object } = attributes;
    if (strategy.kind.group !== rbacGroup || object === undefined) return undefined;
    if (attributes.user.groups.includes(mastersGroup)) return undefined;
    if (changesOnlyOwnership(object, attributes.previous)) return undefined;
    const isRole = strategy.kind.kind.endsWith('Role');
    return isRole ? this.#checkRole(attributes, object) : this.#checkBinding(attributes, object);
  }

  async #checkRole(attributes: AdmissionAttributes, object: AnyObject): Promise<void> {
    const { strategy, operation, name, namespace } = attributes;
    const escalates = { resource: strategy.kind.plural, name: operation === 'CREATE' ? '' : name, namespace };
    if (await this.#may(attributes, 'escalate', escalates)) return;
    await this.#options.cache.waitCurrent();
    this.#requireHeld(attributes, (object['rules'] ?? []) as PolicyRule[]);
    const aggregates = [object, attributes.previous].some(
      (role) => (role as Partial<ClusterRole> | undefined)?.aggregationRule !== undefined,
    );
    if (aggregates && this.#missing(attributes, fullAuthority).length > 0)
      throw refused(attributes, 'must have cluster-admin privileges to use the aggregationRule');
  }

  async #checkBinding(attributes: AdmissionAttributes, object: AnyObject): Promise<void> {
    const { namespace, strategy } = attributes;
    const { kind, name } = object['roleRef'] as RoleRef;
    const bound = { resource: kind === 'Role' ? 'roles' : 'clusterroles', name, namespace };
    if (await this.#may(attributes, 'bind', bound)) return;
    await this.#options.cache.waitCurrent();
    const role = this.#options.rbac.rulesOfRole({ kind, name }, namespace);
    // Kubernetes names the kind that was written here, not the one that is missing.
    if (role === undefined) throw notFound(strategy.kind, name);
    this.#requireHeld(attributes, role.rules);
  }

  async #may(
    { user }: AdmissionAttributes,
    verb: string,
    thing: Pick<Attributes, 'resource' | 'name' | 'namespace'>,
  ): Promise<boolean> {
    const decision = await this.#options.authorizer.authorize({
      ...{ user, verb, ...thing, isResource: true, group: rbacGroup, version: '*' },
      ...{ subresource: '', path: '', fields: everything },
    });
    return decision.allowed;
  }

  #missing({ user, namespace }: AdmissionAttributes, rules: readonly Rule[]): Rule[] {
    return missingRules(this.#options.rbac.heldBy(user, namespace).rules, rules);
  }

  #requireHeld(attributes: AdmissionAttributes, rules: readonly Rule[]): void {
    const rights = countRights(rules);
    if (rights > maxRights)
      throw refused(
        attributes,
        `the rules give ${rights} single rights, and more than ${maxRights} are not compared with what user ${JSON.stringify(attributes.user.name)} holds: use wildcards, or several roles`,
      );
    const missing = this.#missing(attributes, rules);
    if (missing.length === 0) return;
    const { user, namespace } = attributes;
    const { problem } = this.#options.rbac.heldBy(user, namespace);
    const list = [...new Set(compactRules(missing).map(describeRule))].sort().join('\n');
    const why = problem === '' ? '' : `; resolution errors: [${problem}]`;
    throw refused(
      attributes,
      `user ${JSON.stringify(user.name)} (groups=${quotedList(user.groups)}) is attempting to grant RBAC permissions not currently held:\n${list}${why}`,
    );
  }
}

function refused({ strategy, name, object }: AdmissionAttributes, why: string): StatusError {
  return forbidden(strategy.kind, name === '' ? (object?.metadata.name ?? '') : name, why);
}

/** What the garbage collector writes before an object can go. */
function changesOnlyOwnership(next: AnyObject, current: AnyObject | undefined): boolean {
  return current !== undefined && isDeepStrictEqual(withoutOwnership(next), withoutOwnership(current));
}

/** The version stays: an update that names none says nothing about what it leaves. */
function withoutOwnership({ metadata, ...rest }: AnyObject): object {
  const { ownerReferences: _, finalizers: __, managedFields: ___, ...kept } = metadata;
  return { ...rest, metadata: kept };
}
