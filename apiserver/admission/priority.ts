import type { Pod } from '../../api/generated/core-v1.ts';
import type { PriorityClass } from '../../api/generated/scheduling-v1.ts';
import type { AnyObject } from '../../api/kind-info.ts';
import { everything } from '../../api/selector.ts';
import { forbidden } from '../../api/status-error.ts';
import type { ReadCache } from '../watch-cache/read-cache.ts';
import type { AdmissionAttributes, AdmissionPlugin } from './admission.ts';

const resource = 'scheduling.k8s.io/priorityclasses';
const defaultPreemption = 'PreemptLowerPriority';

/** The number behind a pod's priority class. */
export class Priority implements AdmissionPlugin {
  readonly name = 'Priority';
  readonly #cache: ReadCache;

  constructor(cache: ReadCache) {
    this.#cache = cache;
  }

  async mutate(attributes: AdmissionAttributes): Promise<void> {
    const { operation, strategy, subresource, object, previous } = attributes;
    if (strategy.resource !== '/pods' || subresource !== '' || object === undefined) return;
    const { spec } = object as Pod & AnyObject;
    if (spec === undefined) return;
    if (operation === 'UPDATE') {
      keepPriority(spec, (previous as Pod & AnyObject).spec);
      return;
    }
    const chosen = await this.#classOf(attributes, spec.priorityClassName ?? '');
    const value = chosen?.value ?? 0;
    if (spec.priority !== undefined && spec.priority !== value)
      throw forbidden(
        strategy.kind,
        attributes.name,
        `the integer value of priority (${spec.priority}) must not be provided in pod spec; priority admission controller computed ${value} from the given PriorityClass name`,
      );
    const policy = chosen?.preemptionPolicy ?? defaultPreemption;
    if (spec.preemptionPolicy !== undefined && spec.preemptionPolicy !== policy)
      throw forbidden(
        strategy.kind,
        attributes.name,
        `the string value of PreemptionPolicy (${spec.preemptionPolicy}) must not be provided in pod spec; priority admission controller computed ${policy} from the given PriorityClass name`,
      );
    const className = spec.priorityClassName || chosen?.metadata.name;
    Object.assign(spec, {
      priority: value,
      preemptionPolicy: policy,
      ...(className === undefined ? {} : { priorityClassName: className }),
    });
  }

  validate({ operation, strategy, name }: AdmissionAttributes): void {
    if (operation === 'DELETE' && strategy.resource === resource && name.startsWith('system-'))
      throw forbidden(strategy.kind, name, 'this is a system priority class and cannot be deleted');
  }

  async #classOf(attributes: AdmissionAttributes, name: string): Promise<PriorityClass | undefined> {
    if (name === '') return this.#globalDefault();
    let found = this.#cache.get(resource, '', name);
    if (found === undefined) {
      // It may have been made a moment ago.
      await this.#cache.waitCurrent();
      found = this.#cache.get(resource, '', name);
    }
    if (found === undefined)
      throw forbidden(
        attributes.strategy.kind,
        attributes.name,
        `no PriorityClass with name ${name} was found`,
      );
    return JSON.parse(found.json.toString()) as PriorityClass;
  }

  #globalDefault(): PriorityClass | undefined {
    const { objects } = this.#cache.list({ resource, namespace: '', labels: everything, fields: everything });
    const defaults = objects
      .filter(({ json }) => json.includes('"globalDefault":true'))
      .map(({ json }) => JSON.parse(json.toString()) as PriorityClass)
      .filter(({ globalDefault }) => globalDefault === true);
    return defaults.sort((a, b) => (a.value ?? 0) - (b.value ?? 0))[0];
  }
}

/** An update that leaves them out does not take them away. */
function keepPriority(spec: NonNullable<Pod['spec']>, before: Pod['spec']): void {
  const { priority, preemptionPolicy } = before ?? {};
  Object.assign(spec, {
    ...(spec.priority === undefined && priority !== undefined ? { priority } : {}),
    ...(spec.preemptionPolicy === undefined && preemptionPolicy !== undefined ? { preemptionPolicy } : {}),
  });
}
