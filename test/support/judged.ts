import type { AnyObject } from '../../api/kind-info.ts';
import { createRegistry } from '../../apiserver/registry/registry.ts';
import type { FieldError, KindStrategy, WriteContext } from '../../apiserver/registry/strategy.ts';
import { invariant } from '../../base/invariant.ts';

const registry = createRegistry();
const user = { name: 'u', uid: '', groups: [], extra: {} };
const stored = { name: 'a', uid: 'u', resourceVersion: '1', creationTimestamp: '2026-01-01T00:00:00Z' };

/** How one kind judges its objects: every answer is the list of refusals as a client reads them. */
export class Judge {
  readonly #strategy: KindStrategy;
  readonly #namespace: string;

  /** @param namespace '' for a kind without */
  constructor(group: string, version: string, plural: string, namespace = 'default') {
    const strategy = registry.byResource(group, version, plural);
    invariant(strategy !== undefined, `${plural} are registered`);
    this.#strategy = strategy;
    this.#namespace = namespace;
  }

  #context(subresource: string): WriteContext {
    return { user, namespace: this.#namespace, subresource, nowMs: 0 };
  }

  /** The object as it is after defaulting. `content` may bring metadata of its own. */
  object(content: object): AnyObject {
    const metadata: unknown = Reflect.get(content, 'metadata');
    const { kind, group, version } = this.#strategy.kind;
    const object: AnyObject = {
      apiVersion: group === '' ? version : `${group}/${version}`,
      kind,
      ...structuredClone(content),
      metadata: {
        ...stored,
        ...(this.#namespace === '' ? {} : { namespace: this.#namespace }),
        ...(typeof metadata === 'object' ? metadata : {}),
      },
    };
    this.#strategy.setDefaults(object);
    return object;
  }

  /** What is stored of a new object. */
  created(content: object): AnyObject {
    const object = this.object(content);
    this.#strategy.prepareForCreate(object, this.#context(''));
    return object;
  }

  /** What is stored after a change. */
  updated(before: object, after: object, subresource = ''): AnyObject {
    const [current, next] = [this.created(before), this.object(after)];
    this.#strategy.prepareForUpdate(next, current, this.#context(subresource));
    return next;
  }

  ofNew(content: object): string[] {
    return textOf(this.#strategy.validateCreate(this.object(content), this.#context('')));
  }

  /** With `subresource`, of a write of that. */
  ofChange(before: object, after: object, subresource = ''): string[] {
    const [current, next] = [this.object(before), this.object(after)];
    return textOf(this.#strategy.validateUpdate(next, current, this.#context(subresource)));
  }

  warnings(content: object, previous?: object): string[] {
    const before = previous === undefined ? undefined : this.object(previous);
    return this.#strategy.warnings(this.object(content), before);
  }
}

/** A problem that is told twice is read once. */
const textOf = (errors: readonly FieldError[]): string[] => [
  ...new Set(errors.map(({ field, message }) => `${field}: ${message}`)),
];
