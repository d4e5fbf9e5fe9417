import { parse } from 'yaml';
import type { UserInfo } from '../registry/strategy.ts';

export type AuditLevel = 'None' | 'Metadata' | 'Request' | 'RequestResponse';
export type AuditStage = 'RequestReceived' | 'ResponseStarted' | 'ResponseComplete' | 'Panic';

/** What a rule is about. Empty lists mean all. @see audit.k8s.io/v1 PolicyRule */
export interface AuditRule {
  readonly level: AuditLevel;
  readonly users: readonly string[];
  readonly userGroups: readonly string[];
  readonly verbs: readonly string[];
  readonly resources: readonly AuditResources[];
  readonly namespaces: readonly string[];
  readonly nonResourceUrls: readonly string[];
  readonly omitStages: ReadonlySet<AuditStage>;
  /** Whether bodies go without `metadata.managedFields`. */
  readonly omitManagedFields: boolean;
}

export interface AuditResources {
  readonly group: string;
  readonly resources: readonly string[];
  readonly resourceNames: readonly string[];
}

/** The request that is judged. */
export interface AuditedRequest {
  readonly isResource: boolean;
  readonly path: string;
  readonly verb: string;
  readonly group: string;
  readonly resource: string;
  readonly subresource: string;
  readonly namespace: string;
  readonly name: string;
}

/** The first rule that matches decides; where none does, nothing is logged. */
export interface AuditPolicy {
  readonly rules: readonly AuditRule[];
}

export class AuditPolicyError extends Error {
  readonly code = 'BAD_AUDIT_POLICY';
}

const levels: readonly string[] = ['None', 'Metadata', 'Request', 'RequestResponse'];
const stages: readonly string[] = ['RequestReceived', 'ResponseStarted', 'ResponseComplete', 'Panic'];
const maxRules = 1_000;

/** Whose bodies are never written, whatever the policy says: they are, or contain, credentials. */
const secretResources: ReadonlySet<string> = new Set([
  '/secrets',
  '/serviceaccounts/token',
  'authentication.k8s.io/tokenreviews',
]);

/** What is done of an event when no file says otherwise: who did what, but for the cluster's own hum. */
export const defaultAuditPolicy: AuditPolicy = parseAuditPolicy(
  JSON.stringify({
    apiVersion: 'audit.k8s.io/v1',
    kind: 'Policy',
    omitStages: ['RequestReceived'],
    rules: [
      {
        level: 'None',
        nonResourceURLs: ['/healthz*', '/livez*', '/readyz*', '/version*', '/metrics', '/openapi*'],
      },
      {
        level: 'None',
        resources: [
          { group: 'coordination.k8s.io', resources: ['leases'] },
          { group: 'coracle.dev', resources: ['bulkevents', 'bulkrenewals'] },
        ],
      },
      {
        level: 'None',
        resources: [
          { group: '', resources: ['events'] },
          { group: 'events.k8s.io', resources: ['events'] },
        ],
      },
      {
        level: 'None',
        userGroups: ['system:nodes'],
        verbs: ['get', 'list', 'watch'],
      },
      {
        level: 'None',
        userGroups: ['system:nodes'],
        resources: [{ group: '', resources: ['nodes/status', 'pods/status'] }],
      },
      {
        level: 'None',
        users: [
          'system:kube-scheduler',
          'system:kube-controller-manager',
          'system:apiserver',
          'coracle:detector',
        ],
        verbs: ['get', 'list', 'watch'],
      },
      { level: 'Metadata' },
    ],
  }),
);

/** @param text a Policy of audit.k8s.io/v1, as YAML or JSON @throws AuditPolicyError */
export function parseAuditPolicy(text: string): AuditPolicy {
  const file = toRecord(readYaml(text), 'the file');
  if (file['apiVersion'] !== 'audit.k8s.io/v1' || file['kind'] !== 'Policy')
    throw new AuditPolicyError('must be a Policy of audit.k8s.io/v1');
  const omitted = toStages(file['omitStages'], 'omitStages');
  const rules = toList(file['rules'], 'rules');
  if (rules.length === 0) throw new AuditPolicyError('rules: at least one is required');
  if (rules.length > maxRules) throw new AuditPolicyError(`rules: at most ${maxRules}, not ${rules.length}`);
  const omitManagedFields = toFlag(file['omitManagedFields'], 'omitManagedFields') ?? false;
  return { rules: rules.map((rule, at) => toRule(rule, `rules[${at}]`, { omitted, omitManagedFields })) };
}

/** Undefined: nothing is written of such a request. */
export function ruleFor(
  { rules }: AuditPolicy,
  request: AuditedRequest,
  user: UserInfo,
): AuditRule | undefined {
  const rule = rules.find((each) => isAbout(each, request, user));
  if (rule === undefined || rule.level === 'None') return undefined;
  return isSecret(request) ? { ...rule, level: 'Metadata' } : rule;
}

function isSecret({ group, resource, subresource }: AuditedRequest): boolean {
  const path = subresource === '' ? resource : `${resource}/${subresource}`;
  return secretResources.has(`${group}/${path}`);
}

function isAbout(rule: AuditRule, request: AuditedRequest, user: UserInfo): boolean {
  if (rule.users.length > 0 && !rule.users.includes(user.name)) return false;
  if (rule.userGroups.length > 0 && !rule.userGroups.some((group) => user.groups.includes(group)))
    return false;
  if (rule.verbs.length > 0 && !rule.verbs.includes(request.verb)) return false;
  if (request.isResource) return isAboutResource(rule, request);
  if (rule.resources.length > 0 || rule.namespaces.length > 0) return false;
  return (
    rule.nonResourceUrls.length === 0 || rule.nonResourceUrls.some((url) => isAboutPath(url, request.path))
  );
}

function isAboutResource(rule: AuditRule, request: AuditedRequest): boolean {
  if (rule.nonResourceUrls.length > 0) return false;
  if (rule.namespaces.length > 0 && !rule.namespaces.includes(request.namespace)) return false;
  return rule.resources.length === 0 || rule.resources.some((each) => names(each, request));
}

function names(resources: AuditResources, request: AuditedRequest): boolean {
  if (resources.group !== request.group) return false;
  if (resources.resources.length === 0) return true;
  const { resource, subresource, name } = request;
  const path = subresource === '' ? resource : `${resource}/${subresource}`;
  const matching = [path, '*', `${resource}/*`, ...(subresource === '' ? [] : [`*/${subresource}`])];
  if (!resources.resources.some((each) => matching.includes(each))) return false;
  return resources.resourceNames.length === 0 || resources.resourceNames.includes(name);
}

function isAboutPath(url: string, path: string): boolean {
  return url.endsWith('*') ? path.startsWith(url.slice(0, -1)) : url === path;
}

function toRule(
  value: unknown,
  at: string,
  common: { readonly omitted: ReadonlySet<AuditStage>; readonly omitManagedFields: boolean },
): AuditRule {
  const rule = toRecord(value, at);
  const { level } = rule;
  if (typeof level !== 'string' || !levels.includes(level))
    throw new AuditPolicyError(`${at}.level: must be one of ${levels.join(', ')}`);
  const parsed: AuditRule = {
    level: level as AuditLevel,
    users: toNames(rule['users'], `${at}.users`),
    userGroups: toNames(rule['userGroups'], `${at}.userGroups`),
    verbs: toNames(rule['verbs'], `${at}.verbs`),
    namespaces: toNames(rule['namespaces'], `${at}.namespaces`),
    nonResourceUrls: toNames(rule['nonResourceURLs'], `${at}.nonResourceURLs`),
    resources: toList(rule['resources'], `${at}.resources`).map((each, index) =>
      toResources(each, `${at}.resources[${index}]`),
    ),
    omitStages: new Set([...common.omitted, ...toStages(rule['omitStages'], `${at}.omitStages`)]),
    omitManagedFields:
      toFlag(rule['omitManagedFields'], `${at}.omitManagedFields`) ?? common.omitManagedFields,
  };
  if (parsed.nonResourceUrls.length > 0 && (parsed.resources.length > 0 || parsed.namespaces.length > 0))
    throw new AuditPolicyError(`${at}: rules cannot apply to both regular resources and non-resource URLs`);
  return parsed;
}

function toResources(value: unknown, at: string): AuditResources {
  const entry = toRecord(value, at);
  const group = entry['group'] ?? '';
  if (typeof group !== 'string') throw new AuditPolicyError(`${at}.group: must be a string`);
  const resources = toNames(entry['resources'], `${at}.resources`);
  const resourceNames = toNames(entry['resourceNames'], `${at}.resourceNames`);
  if (resourceNames.length > 0 && resources.length === 0)
    throw new AuditPolicyError(`${at}.resourceNames: using resourceNames requires at least one resource`);
  return { group, resources, resourceNames };
}

function toStages(value: unknown, at: string): ReadonlySet<AuditStage> {
  return new Set(
    toNames(value, at).map((stage) => {
      if (!stages.includes(stage)) throw new AuditPolicyError(`${at}: must be of ${stages.join(', ')}`);
      return stage as AuditStage;
    }),
  );
}

function toFlag(value: unknown, at: string): boolean | undefined {
  if (value === undefined || value === null) return undefined;
  if (typeof value !== 'boolean') throw new AuditPolicyError(`${at}: must be true or false`);
  return value;
}

function toNames(value: unknown, at: string): string[] {
  return toList(value, at).map((name) => {
    if (typeof name !== 'string') throw new AuditPolicyError(`${at}: must be strings`);
    return name;
  });
}

function toList(value: unknown, at: string): readonly unknown[] {
  if (value === undefined || value === null) return [];
  if (!Array.isArray(value)) throw new AuditPolicyError(`${at}: must be a list`);
  return value;
}

function toRecord(value: unknown, at: string): Readonly<Record<string, unknown>> {
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw new AuditPolicyError(`${at}: must be an object`);
  return value as Readonly<Record<string, unknown>>;
}

function readYaml(text: string): unknown {
  try {
    return parse(text);
  } catch (cause) {
    throw new AuditPolicyError('the file is not YAML', { cause });
  }
}
