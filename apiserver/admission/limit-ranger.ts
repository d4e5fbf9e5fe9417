import type {
  Container,
  LimitRange,
  LimitRangeItem,
  PersistentVolumeClaim,
  Pod,
  PodSpec,
} from '../../api/generated/core-v1.ts';
import type { AnyObject } from '../../api/kind-info.ts';
import { parseResourceList, podResourceList } from '../../api/resource-list.ts';
import { type AdmissionAttributes, type AdmissionPlugin, refusal } from './admission.ts';
import { limitViolations } from './limit-violations.ts';
import type { Lookup } from './lookup.ts';

const annotation = 'kubernetes.io/limit-ranger';
const resource = '/limitranges';

/** Gives containers the defaults of their namespace, and keeps pods and claims within its limits. */
export class LimitRanger implements AdmissionPlugin {
  readonly name = 'LimitRanger';
  readonly #lookup: Lookup;

  constructor(lookup: Lookup) {
    this.#lookup = lookup;
  }

  mutate(attributes: AdmissionAttributes): void {
    const { strategy, object } = attributes;
    if (strategy.resource !== '/pods' || object === undefined || !isLimited(attributes)) return;
    for (const range of this.#rangesOf(attributes)) setDefaults(object as Pod & AnyObject, range);
  }

  validate(attributes: AdmissionAttributes): void {
    const { object } = attributes;
    if (object === undefined || !isLimited(attributes)) return;
    for (const range of this.#rangesOf(attributes)) {
      const found = [...new Set((range.spec?.limits ?? []).flatMap((item) => judge(item, object)))];
      if (found.length > 0)
        throw refusal(attributes, found.length === 1 ? (found[0] ?? '') : `[${found.join(', ')}]`);
    }
  }

  #rangesOf({ namespace }: AdmissionAttributes): readonly LimitRange[] {
    return this.#lookup.list<LimitRange>(resource, namespace);
  }
}

/** Containers of a pod are fixed once it is there, but for a resize; a claim may grow. */
function isLimited({ strategy, operation, subresource, previous }: AdmissionAttributes): boolean {
  if (operation !== 'CREATE' && operation !== 'UPDATE') return false;
  if (previous?.metadata.deletionTimestamp !== undefined) return false;
  if (strategy.resource === '/pods')
    return operation === 'CREATE' ? subresource === '' : subresource === 'resize';
  return strategy.resource === '/persistentvolumeclaims' && subresource === '';
}

function setDefaults(pod: Pod, { spec }: LimitRange): void {
  const defaults = { limits: {}, requests: {} };
  for (const item of spec?.limits ?? []) {
    if (item.type !== 'Container') continue;
    Object.assign(defaults.requests, item.defaultRequest);
    Object.assign(defaults.limits, item.default);
  }
  const notes = [
    ...(pod.spec.containers ?? []).flatMap((each) => setContainerDefaults(each, defaults, 'container')),
    ...(pod.spec.initContainers ?? []).flatMap((each) =>
      setContainerDefaults(each, defaults, 'init container'),
    ),
  ];
  if (notes.length === 0) return;
  const text = `LimitRanger plugin set: ${notes.join('; ')}`;
  pod.metadata.annotations = { ...pod.metadata.annotations, [annotation]: text };
}

type Amounts = Readonly<Record<string, string>>;
type Defaults = Readonly<Record<'limits' | 'requests', Amounts>>;

/** @returns what was set, in the words of the annotation */
function setContainerDefaults(container: Container, defaults: Defaults, called: string): string[] {
  const notes: string[] = [];
  for (const [kind, word] of [
    ['requests', 'request'],
    ['limits', 'limit'],
  ] as const) {
    const given: Amounts = container.resources?.[kind] ?? {};
    const missing = Object.keys(defaults[kind]).filter((name) => given[name] === undefined);
    if (missing.length === 0) continue;
    const added = Object.fromEntries(missing.map((name) => [name, defaults[kind][name] ?? '0']));
    container.resources = { ...container.resources, [kind]: { ...given, ...added } };
    notes.push(`${missing.sort().join(', ')} ${word} for ${called} ${container.name}`);
  }
  return notes;
}

/** What of `object` breaks `item`, in Kubernetes' words. */
function judge(item: LimitRangeItem, object: AnyObject): string[] {
  if (object.kind === 'PersistentVolumeClaim') {
    if (item.type !== 'PersistentVolumeClaim') return [];
    const { spec } = object as PersistentVolumeClaim & AnyObject;
    return limitViolations(item, { requests: parseResourceList(spec?.resources?.requests) });
  }
  const { spec } = object as Pod & AnyObject;
  if (item.type === 'Container') return judgeContainers(item, spec);
  if (item.type !== 'Pod') return [];
  return limitViolations(item, {
    requests: podResourceList(spec, 'requests'),
    limits: podResourceList(spec, 'limits'),
  });
}

function judgeContainers(item: LimitRangeItem, spec: PodSpec): string[] {
  return [...(spec.containers ?? []), ...(spec.initContainers ?? [])].flatMap(({ resources }) =>
    limitViolations(item, {
      requests: parseResourceList(resources?.requests),
      limits: parseResourceList(resources?.limits),
    }),
  );
}
