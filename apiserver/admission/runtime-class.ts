import { isDeepStrictEqual } from 'node:util';
import type { Pod, PodSpec, Toleration } from '../../api/generated/core-v1.ts';
import type { RuntimeClass } from '../../api/generated/node-v1.ts';
import type { AnyObject } from '../../api/kind-info.ts';
import { forbidden } from '../../api/status-error.ts';
import type { ReadCache } from '../watch-cache/read-cache.ts';
import type { AdmissionAttributes, AdmissionPlugin } from './admission.ts';

const resource = 'node.k8s.io/runtimeclasses';

/** What a runtime class asks of the nodes of its pods, and what it costs them. */
export class RuntimeClassAdmission implements AdmissionPlugin {
  readonly name = 'RuntimeClass';
  readonly #cache: ReadCache;

  constructor(cache: ReadCache) {
    this.#cache = cache;
  }

  async mutate(attributes: AdmissionAttributes): Promise<void> {
    const { operation, strategy, subresource, object, name } = attributes;
    if (operation !== 'CREATE' || strategy.resource !== '/pods' || subresource !== '') return;
    const spec = (object as (Pod & AnyObject) | undefined)?.spec;
    const className = spec?.runtimeClassName ?? '';
    if (spec === undefined || className === '') return;
    const refuse = (why: string): Error => forbidden(strategy.kind, name, why);
    const found = await this.#find(className);
    if (found === undefined) throw refuse(`pod rejected: RuntimeClass "${className}" not found`);
    setOverhead(spec, found, refuse);
    setScheduling(spec, found, refuse);
  }

  async #find(name: string): Promise<RuntimeClass | undefined> {
    let found = this.#cache.get(resource, '', name);
    if (found === undefined) {
      // It may have been made a moment ago.
      await this.#cache.waitCurrent();
      found = this.#cache.get(resource, '', name);
    }
    return found === undefined ? undefined : (JSON.parse(found.json.toString()) as RuntimeClass);
  }
}

type Refuse = (why: string) => Error;

function setOverhead(spec: PodSpec, { overhead }: RuntimeClass, refuse: Refuse): void {
  const defined = overhead?.podFixed;
  if (spec.overhead !== undefined && !isDeepStrictEqual(spec.overhead, defined))
    throw refuse("pod rejected: Pod's Overhead doesn't match RuntimeClass's defined Overhead");
  if (defined !== undefined) Object.assign(spec, { overhead: defined });
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
