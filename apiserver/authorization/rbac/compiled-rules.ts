import type { Attributes } from '../authorizer.ts';
import { type Rule, ruleAllows } from './policy-rule.ts';

const none: readonly Rule[] = [];

/**
 * The rules of one role, found by what they are about, so that a role of a hundred rules costs a look-up and a few
 * comparisons. Rules with `*` as resource, or of paths, are few and are tried one by one.
 */
export class CompiledRules {
  readonly rules: readonly Rule[];
  readonly #byResource = new Map<string, Rule[]>();
  readonly #anyResource: Rule[] = [];
  readonly #paths: Rule[] = [];

  constructor(rules: readonly Rule[]) {
    this.rules = rules;
    for (const rule of rules) {
      if (rule.nonResourceURLs !== undefined && rule.nonResourceURLs.length > 0) this.#paths.push(rule);
      for (const entry of new Set((rule.resources ?? []).map(mainOf))) this.#file(entry, rule);
    }
  }

  #file(resource: string, rule: Rule): void {
    if (resource === '*') {
      this.#anyResource.push(rule);
      return;
    }
    const filed = this.#byResource.get(resource);
    if (filed === undefined) this.#byResource.set(resource, [rule]);
    else filed.push(rule);
  }

  allows(attributes: Attributes): boolean {
    if (!attributes.isResource) return allowsAny(this.#paths, attributes);
    return (
      allowsAny(this.#byResource.get(attributes.resource) ?? none, attributes) ||
      allowsAny(this.#anyResource, attributes)
    );
  }
}

/** `pods/log` is filed under `pods`, `*` and `*` + `/scale` under `*`. */
function mainOf(entry: string): string {
  const slash = entry.indexOf('/');
  return slash < 0 ? entry : entry.slice(0, slash);
}

function allowsAny(rules: readonly Rule[], attributes: Attributes): boolean {
  for (const rule of rules) if (ruleAllows(rule, attributes)) return true;
  return false;
}
