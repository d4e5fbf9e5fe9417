import type { CachedObject, ResourceObserver } from './read-cache.ts';

/** Who wants to know of a resource's changes inside this process, at once and without bytes. */
export class Observers {
  readonly #byResource = new Map<string, ResourceObserver[]>();

  add(resource: string, observer: ResourceObserver): void {
    const others = this.#byResource.get(resource);
    if (others === undefined) this.#byResource.set(resource, [observer]);
    else others.push(observer);
  }

  changed(resource: string, key: string, object: CachedObject | undefined): void {
    const observers = this.#byResource.get(resource);
    if (observers !== undefined) for (const observer of observers) observer.changed(key, object);
  }

  /** After a load: what there is now, for each observed resource. */
  replaced(objectsOf: (resource: string) => Iterable<CachedObject>): void {
    for (const [resource, observers] of this.#byResource)
      for (const observer of observers) observer.replaced(objectsOf(resource));
  }
}
