import { isDeepStrictEqual } from 'node:util';
import type { Pod, PodSpec, Toleration } from '../../api/generated/core-v1.ts';
import type { RuntimeClass } from '../../api/generated/node-v1.ts';
import type { AnyObject } from '../../api/kind-info.ts';
import { type AdmissionAttributes, type AdmissionPlugin, refusal } from './admission.ts';
import type { Lookup } from './lookup.ts';

const resource = 'node.k8s.io/runtimeclasses';

/** What a runtime class asks of the nodes of its pods, and what it costs them. */
export class RuntimeClassAdmission implements AdmissionPlugin {
  readonly name = 'RuntimeClass';
  readonly #lookup: Lookup;

  constructor(lookup: Lookup) {
    this.#lookup = lookup;
  }

  async mutate(attributes: AdmissionAttributes): Promise<void> {
    const spec = specOf(attributes);
    const className = spec?.runtimeClassName ?? '';
    if (spec === undefined || className === '') return;
    const refuse = (why: string): Error => refusal(attributes, why);
    const found = await this.#lookup.find<RuntimeClass>(resource, '', className);
    if (found === undefined) throw refuse(`pod rejected: RuntimeClass "${className}" not found`);
    setOverhead(spec, found, refuse);
    setScheduling(spec, found, refuse);
  }

  async validate(attributes: AdmissionAttributes): Promise<void> {
    const spec = specOf(attributes);
    if (spec === undefined || Object.keys(spec.overhead ?? {}).length === 0) return;
    const className = spec.runtimeClassName ?? '';
    const found =
      className === '' ? undefined : await this.#lookup.find<RuntimeClass>(resource, '', className);
    if (found?.overhead === undefined)
      throw refusal(
        attributes,
        'pod rejected: Pod Overhead set without corresponding RuntimeClass defined Overhead',
      );
  }
}

function specOf({ operation, strategy, subresource, object }: AdmissionAttributes): PodSpec | undefined {
  if (operation !== 'CREATE' || strategy.resource !== '/pods' || subresource !== '') return undefined;
  return (object as Pod & AnyObject).spec;
}

type Refuse = (why: string) => Error;

function setOverhead(spec: PodSpec, { overhead }: RuntimeClass, refuse: Refuse): void {
  if (overhead === undefined) return;
  const defined = overhead.podFixed ?? {};
  if (Object.keys(spec.overhead ?? {}).length > 0 && !isDeepStrictEqual(spec.overhead, defined))
    throw refuse("pod rejected: Pod's Overhead doesn't match RuntimeClass's defined Overhead");
  if (Object.keys(defined).length > 0) spec.overhead = { ...defined };
}

function setScheduling(spec: PodSpec, { scheduling }: RuntimeClass, refuse: Refuse): void {
  if (scheduling === undefined) return;
  const nodeSelector: Record<string, string> = { ...spec.nodeSelector };
  for (const [key, value] of Object.entries(scheduling.nodeSelector ?? {})) {
    const own = nodeSelector[key];
    if (own !== undefined && own !== value)
      throw refuse(
        `conflict: runtimeClass.scheduling.nodeSelector[${key}] = ${value}; pod.spec.nodeSelector[${key}] = ${own}`,
      );
    nodeSelector[key] = value;
  }
  if (Object.keys(nodeSelector).length > 0) Object.assign(spec, { nodeSelector });
  const tolerations: Toleration[] = [...(spec.tolerations ?? [])];
  for (const toleration of scheduling.tolerations ?? [])
    if (!tolerations.some((own) => isDeepStrictEqual(own, toleration))) tolerations.push(toleration);
  if (tolerations.length > 0) Object.assign(spec, { tolerations });
}
