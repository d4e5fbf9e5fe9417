import type { Pod } from '../../api/generated/core-v1.ts';
import type { PriorityClass } from '../../api/generated/scheduling-v1.ts';
import type { AnyObject } from '../../api/kind-info.ts';
import { type AdmissionAttributes, type AdmissionPlugin, refusal } from './admission.ts';
import type { Lookup } from './lookup.ts';

const resource = 'scheduling.k8s.io/priorityclasses';
const defaultPreemption = 'PreemptLowerPriority';

/** The number behind a pod's priority class. */
export class Priority implements AdmissionPlugin {
  readonly name = 'Priority';
  readonly #lookup: Lookup;

  constructor(lookup: Lookup) {
    this.#lookup = lookup;
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
      throw refusal(
        attributes,
        `the integer value of priority (${spec.priority}) must not be provided in pod spec; priority admission controller computed ${value} from the given PriorityClass name`,
      );
    const policy = chosen?.preemptionPolicy ?? defaultPreemption;
    if (spec.preemptionPolicy !== undefined && spec.preemptionPolicy !== policy)
      throw refusal(
        attributes,
        `the string value of PreemptionPolicy (${spec.preemptionPolicy}) must not be provided in pod spec; priority admission controller computed ${policy} from the given PriorityClass name`,
      );
    const className = spec.priorityClassName || chosen?.metadata.name;
    Object.assign(spec, {
      priority: value,
      preemptionPolicy: policy,
      ...(className === undefined ? {} : { priorityClassName: className }),
    });
  }

  validate(attributes: AdmissionAttributes): void {
    const { operation, strategy, subresource, object } = attributes;
    if (strategy.resource !== resource || subresource !== '') return;
    if (operation === 'DELETE') {
      if (attributes.name.startsWith('system-'))
        throw refusal(attributes, 'this is a system priority class and cannot be deleted');
      return;
    }
    const { globalDefault, metadata } = object as PriorityClass & AnyObject;
    const present = globalDefault === true ? this.#globalDefault()?.metadata.name : undefined;
    if (present !== undefined && present !== metadata.name)
      throw refusal(
        attributes,
        `PriorityClass ${present} is already marked as default. Only one default can exist`,
      );
  }

  async #classOf(attributes: AdmissionAttributes, name: string): Promise<PriorityClass | undefined> {
    if (name === '') return this.#globalDefault();
    const found = await this.#lookup.find<PriorityClass>(resource, '', name);
    if (found === undefined) throw refusal(attributes, `no PriorityClass with name ${name} was found`);
    return found;
  }

  /** A mistake may have left several: the least of them. */
  #globalDefault(): PriorityClass | undefined {
    let least: PriorityClass | undefined;
    for (const candidate of this.#lookup.list<PriorityClass>(resource))
      if (
        candidate.globalDefault === true &&
        (least === undefined || (candidate.value ?? 0) < (least.value ?? 0))
      )
        least = candidate;
    return least;
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
