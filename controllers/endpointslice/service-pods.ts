import type { Pod, Service } from '../../api/generated/core-v1.ts';
import { keyOf } from '../../client/object-key.ts';
import { labelIndex, labelTerm, type SharedInformers } from '../shared-informers.ts';

/**
 * Which services select a pod, without trying every service of the namespace: each service stands under one
 * `key=value` of its selector, and a pod looks only under its own labels.
 */
export class ServicePods {
  readonly #informers: SharedInformers;
  readonly #byTerm = new Map<string, Map<string, Service>>();

  constructor(informers: SharedInformers) {
    this.#informers = informers;
  }

  /** Starts following the services. */
  watch(): void {
    this.#informers.services.addHandler({
      onAdd: (service) => this.#add(service),
      onUpdate: (previous, service) => {
        this.#remove(previous);
        this.#add(service);
      },
      onDelete: (service) => this.#remove(service),
    });
  }

  servicesOf(pod: Pod): string[] {
    const labels = pod.metadata.labels ?? {};
    const found: string[] = [];
    for (const [key, value] of Object.entries(labels)) {
      const entries = this.#byTerm.get(labelTerm(pod.metadata.namespace, key, value));
      for (const service of entries?.values() ?? []) if (selects(service, labels)) found.push(keyOf(service));
    }
    return found;
  }

  podsOf(service: Service): Pod[] {
    const term = indexTerm(service);
    if (term === undefined) return [];
    return this.#informers.pods.lister
      .byIndex(labelIndex, term)
      .filter(({ metadata }) => selects(service, metadata.labels ?? {}));
  }

  #add(service: Service): void {
    const term = indexTerm(service);
    if (term === undefined) return;
    const entries = this.#byTerm.get(term) ?? new Map<string, Service>();
    entries.set(keyOf(service), service);
    this.#byTerm.set(term, entries);
  }

  #remove(service: Service): void {
    const term = indexTerm(service);
    const entries = term === undefined ? undefined : this.#byTerm.get(term);
    entries?.delete(keyOf(service));
    if (term !== undefined && entries?.size === 0) this.#byTerm.delete(term);
  }
}

function indexTerm({ metadata, spec }: Service): string | undefined {
  const first = Object.entries(spec.selector ?? {}).sort(([a], [b]) => (a < b ? -1 : 1))[0];
  return first === undefined ? undefined : labelTerm(metadata.namespace, first[0], first[1]);
}

function selects({ spec }: Service, labels: Readonly<Record<string, string>>): boolean {
  return Object.entries(spec.selector ?? {}).every(([key, value]) => labels[key] === value);
}
