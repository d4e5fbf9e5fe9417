import type { CronJob } from '../../../api/generated/batch-v1.ts';
import type { Pod, PodSpec, PodTemplateSpec } from '../../../api/generated/core-v1.ts';
import type { AnyObject } from '../../../api/kind-info.ts';
import type { Clock } from '../../../base/clock.ts';
import { invalidError } from '../../registry/field-error.ts';
import type { ReadCache } from '../../watch-cache/read-cache.ts';
import { type AdmissionAttributes, type AdmissionPlugin, refusal } from '../admission.ts';
import type { PodSecurityConfiguration } from '../configuration.ts';
import type { Lookup } from '../lookup.ts';
import type { JudgedPod, Violation } from './check.ts';
import { toDetail, violationsOf } from './evaluate.ts';
import { existingPodWarnings } from './existing-pods.ts';
import {
  compareLevels,
  type LevelVersion,
  type Policy,
  policyProblems,
  readPolicy,
  sameLevelVersion,
  toText,
} from './policy.ts';

const keyPrefix = 'pod-security.kubernetes.io/';

/** Subresources of a pod that are no pod. */
const ignoredSubresources: ReadonlySet<string> = new Set([
  'exec',
  'attach',
  'binding',
  'eviction',
  'log',
  'portforward',
  'proxy',
  'status',
]);

/** Kinds that make pods by a template: warned about, never refused. */
const templateOf: ReadonlyMap<string, (object: AnyObject) => PodTemplateSpec | undefined> = new Map([
  ['/replicationcontrollers', ownTemplate],
  ['/podtemplates', (object: AnyObject) => object['template'] as PodTemplateSpec | undefined],
  ['apps/replicasets', ownTemplate],
  ['apps/deployments', ownTemplate],
  ['apps/statefulsets', ownTemplate],
  ['apps/daemonsets', ownTemplate],
  ['batch/jobs', ownTemplate],
  [
    'batch/cronjobs',
    (object: AnyObject) => (object as CronJob & AnyObject).spec?.jobTemplate?.spec?.template,
  ],
]);

function ownTemplate(object: AnyObject): PodTemplateSpec | undefined {
  return (object['spec'] as { readonly template?: PodTemplateSpec } | undefined)?.template;
}

export interface PodSecurityOptions {
  readonly cache: ReadCache;
  readonly lookup: Lookup;
  readonly clock: Clock;
  readonly configuration: PodSecurityConfiguration;
}

/**
 * Holds pods against the level that their namespace's labels name.
 * @see https://kubernetes.io/docs/concepts/security/pod-security-admission/
 */
export class PodSecurity implements AdmissionPlugin {
  readonly name = 'PodSecurity';
  readonly #options: PodSecurityOptions;

  constructor(options: PodSecurityOptions) {
    this.#options = options;
  }

  validate(attributes: AdmissionAttributes): void | Promise<void> {
    const { operation, strategy, subresource } = attributes;
    if (operation !== 'CREATE' && operation !== 'UPDATE') return;
    if (strategy.resource === '/pods') {
      if (!ignoredSubresources.has(subresource)) return this.#judgePod(attributes);
    } else if (subresource !== '') return;
    else if (strategy.resource === '/namespaces') return this.#judgeNamespace(attributes);
    else if (templateOf.has(strategy.resource)) return this.#judgeTemplate(attributes);
  }

  async #judgePod(attributes: AdmissionAttributes): Promise<void> {
    if (this.#isExempt(attributes)) return;
    const { policy, problem } = await this.#policyOf(attributes.namespace);
    if (problem === undefined && isLax(policy.enforce) && isLax(policy.audit) && isLax(policy.warn)) return;
    const pod = attributes.object as Pod & AnyObject;
    const before = attributes.previous as (Pod & AnyObject) | undefined;
    if (before !== undefined && !isSignificant(pod, before)) return;
    this.#judge(attributes, { policy, problem, enforces: true }, toJudged(pod, pod.spec));
  }

  async #judgeTemplate(attributes: AdmissionAttributes): Promise<void> {
    const { strategy, namespace, object } = attributes;
    if (this.#isExempt(attributes)) return;
    const { policy, problem } = await this.#policyOf(namespace);
    if (problem === undefined && isLax(policy.audit) && isLax(policy.warn)) return;
    const template = object === undefined ? undefined : templateOf.get(strategy.resource)?.(object);
    if (template?.spec === undefined) return;
    this.#judge(attributes, { policy, problem, enforces: false }, toJudged(template, template.spec));
  }

  #judge(
    attributes: AdmissionAttributes,
    rules: { readonly policy: Policy; readonly problem: string | undefined; readonly enforces: boolean },
    pod: JudgedPod,
  ): void {
    const { policy, problem } = rules;
    const note = (key: string, value: string): void => {
      attributes.auditAnnotations.set(`${keyPrefix}${key}`, value);
    };
    if (this.#options.configuration.exemptions.runtimeClasses.includes(pod.spec.runtimeClassName ?? '')) {
      note('exempt', 'runtimeClass');
      return;
    }
    if (problem !== undefined) note('error', `Failed to parse policy: ${problem}`);
    if (rules.enforces) note('enforce-policy', toText(policy.enforce));
    const would = (mode: LevelVersion): string | undefined => {
      const found = violationsOf(mode, pod);
      return found.length === 0 ? undefined : said('would violate', mode, found);
    };
    const audited = would(policy.audit);
    if (audited !== undefined) note('audit-violations', audited);
    const enforced = rules.enforces ? violationsOf(policy.enforce, pod) : [];
    if (enforced.length > 0) throw refusal(attributes, said('violates', policy.enforce, enforced));
    const warned = would(policy.warn);
    if (warned !== undefined) attributes.warnings.push(warned);
  }

  async #judgeNamespace(attributes: AdmissionAttributes): Promise<void> {
    const { strategy, object, previous } = attributes;
    const { defaults, exemptions } = this.#options.configuration;
    const name = object?.metadata.name ?? '';
    const labels = labelsOf(object);
    const problems = policyProblems(labels);
    const before = policyProblems(labelsOf(previous));
    const isNew = problems.some(({ field, message }) =>
      before.every((old) => old.field !== field || old.message !== message),
    );
    if (problems.length > 0 && (isNew || problems.length !== before.length))
      throw invalidError(strategy.kind, name, problems);
    if (previous === undefined) return;
    const next = readPolicy(labels, defaults).enforce;
    const current = readPolicy(labelsOf(previous), defaults).enforce;
    if (isLax(next) || sameLevelVersion(next, current) || exemptions.namespaces.includes(name)) return;
    if (next.minor === current.minor && compareLevels(next.level, current.level) < 1) return;
    attributes.warnings.push(...(await existingPodWarnings(this.#options, name, next)));
  }

  #isExempt({ namespace, user, auditAnnotations }: AdmissionAttributes): boolean {
    const { exemptions } = this.#options.configuration;
    const why = exemptions.namespaces.includes(namespace)
      ? 'namespace'
      : exemptions.usernames.includes(user.name)
        ? 'user'
        : undefined;
    if (why !== undefined) auditAnnotations.set(`${keyPrefix}exempt`, why);
    return why !== undefined;
  }

  async #policyOf(
    namespace: string,
  ): Promise<{ readonly policy: Policy; readonly problem: string | undefined }> {
    const found = await this.#options.lookup.findCached('/namespaces', '', namespace);
    const labels = found?.labels ?? new Map<string, string>();
    const policy = readPolicy(labels, this.#options.configuration.defaults);
    const [problem] = policyProblems(labels);
    return { policy, problem: problem && `${problem.field}: ${problem.message}` };
  }
}

const said = (verb: string, mode: LevelVersion, found: readonly Violation[]): string =>
  `${verb} PodSecurity ${JSON.stringify(toText(mode))}: ${toDetail(found)}`;

const isLax = ({ level }: LevelVersion): boolean => level === 'privileged';

const toJudged = ({ metadata }: Pick<PodTemplateSpec, 'metadata'>, spec: PodSpec): JudgedPod => ({
  annotations: metadata?.annotations ?? {},
  spec,
});

function labelsOf(object: AnyObject | undefined): ReadonlyMap<string, string> {
  return new Map(Object.entries(object?.metadata.labels ?? {}));
}

const seccompPod = 'seccomp.security.alpha.kubernetes.io/pod';
const seccompContainer = 'container.seccomp.security.alpha.kubernetes.io/';

/** Whether an update changes anything that a level speaks of: images, and containers that come to it. */
function isSignificant(next: Pod, before: Pod): boolean {
  const annotation = (pod: Pod, key: string): string | undefined => pod.metadata.annotations?.[key];
  if (annotation(next, seccompPod) !== annotation(before, seccompPod)) return true;
  return (['containers', 'initContainers', 'ephemeralContainers'] as const).some((list) => {
    const [now, then] = [next.spec[list] ?? [], before.spec[list] ?? []];
    if (list !== 'ephemeralContainers' && now.length !== then.length) return true;
    return now.some((container) => {
      const old = then.find(({ name }) => name === container.name);
      const key = `${seccompContainer}${container.name}`;
      return old?.image !== container.image || annotation(next, key) !== annotation(before, key);
    });
  });
}
