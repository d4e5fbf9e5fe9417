/** Which FlowSchema a request falls under. @see https://kubernetes.io/docs/concepts/cluster-administration/flow-control/ */
import type {
  FlowSchema,
  NonResourcePolicyRule,
  PolicyRulesWithSubjects,
  ResourcePolicyRule,
  Subject,
} from '../../api/generated/flowcontrol-v1.ts';
import type { UserInfo } from '../registry/strategy.ts';

/** What is asked for. */
export interface FlowRequest {
  readonly user: UserInfo;
  readonly isResource: boolean;
  readonly path: string;
  readonly verb: string;
  readonly group: string;
  readonly resource: string;
  readonly subresource: string;
  readonly namespace: string;
}

const all = '*';
const defaultPrecedence = 1_000;
const accountPrefix = 'system:serviceaccount:';

/** In the order in which they are asked: precedence, then name. */
export function inPrecedence(schemas: readonly FlowSchema[]): FlowSchema[] {
  const precedence = (schema: FlowSchema): number => schema.spec.matchingPrecedence ?? defaultPrecedence;
  const name = (schema: FlowSchema): string => schema.metadata.name;
  return [...schemas].sort((a, b) => precedence(a) - precedence(b) || (name(a) < name(b) ? -1 : 1));
}

export function isUnder(schema: FlowSchema, request: FlowRequest): boolean {
  return schema.spec.rules?.some((rule) => isRuledBy(rule, request)) === true;
}

/** What tells the flows under one schema apart: who asks, or where. */
export function flowOf(schema: FlowSchema, request: FlowRequest): string {
  const by = schema.spec.distinguisherMethod?.type;
  if (by === 'ByUser') return request.user.name;
  return by === 'ByNamespace' ? request.namespace : '';
}

function isRuledBy(rule: PolicyRulesWithSubjects, request: FlowRequest): boolean {
  const asked = request.isResource
    ? rule.resourceRules?.some((each) => isAboutResource(each, request))
    : rule.nonResourceRules?.some((each) => isAboutPath(each, request));
  return asked === true && rule.subjects.some((subject) => isSubject(subject, request.user));
}

function isSubject(subject: Subject, user: UserInfo): boolean {
  switch (subject.kind) {
    case 'User':
      return subject.user?.name === all || subject.user?.name === user.name;
    case 'Group':
      return subject.group?.name === all || user.groups.includes(subject.group?.name ?? '');
    case 'ServiceAccount': {
      const { namespace = '', name = '' } = subject.serviceAccount ?? {};
      const prefix = `${accountPrefix}${namespace}:`;
      return name === all ? user.name.startsWith(prefix) : user.name === `${prefix}${name}`;
    }
    default:
      return false;
  }
}

function isAboutResource(rule: ResourcePolicyRule, request: FlowRequest): boolean {
  const { resource, subresource, namespace } = request;
  const path = subresource === '' ? resource : `${resource}/${subresource}`;
  if (!has(rule.verbs, request.verb) || !has(rule.apiGroups, request.group) || !has(rule.resources, path))
    return false;
  return namespace === '' ? rule.clusterScope === true : has(rule.namespaces ?? [], namespace);
}

function isAboutPath(rule: NonResourcePolicyRule, request: FlowRequest): boolean {
  if (!has(rule.verbs, request.verb)) return false;
  return rule.nonResourceURLs.some((url) =>
    url.endsWith(all) ? request.path.startsWith(url.slice(0, -1)) : url === request.path,
  );
}

const has = (names: readonly string[], name: string): boolean => names.includes(name) || names.includes(all);
