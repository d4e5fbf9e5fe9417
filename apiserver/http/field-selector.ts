import type { KindInfo } from '../../api/kind-info.ts';
import type { Requirement, Selector } from '../../api/selector.ts';
import { everything } from '../../api/selector.ts';
import { badRequest } from '../../api/status-error.ts';

function splitTerms(source: string): string[] {
  const terms: string[] = [];
  let term = '';
  for (let at = 0; at < source.length; at += 1) {
    const char = source[at] ?? '';
    if (char === '\\') {
      term += char + (source[at + 1] ?? '');
      at += 1;
    } else if (char === ',') {
      terms.push(term);
      term = '';
    } else term += char;
  }
  terms.push(term);
  return terms.filter((part) => part !== '');
}

function unescaped(value: string): string {
  return value.replace(/\\([\\,=])/g, '$1');
}

function parseTerm(term: string): Requirement {
  for (let at = 0; at < term.length; at += 1) {
    if (term[at] === '\\') {
      at += 1;
      continue;
    }
    for (const operator of ['!=', '==', '=']) {
      if (!term.startsWith(operator, at)) continue;
      return {
        key: term.slice(0, at),
        operator: operator === '!=' ? 'notIn' : 'in',
        values: [unescaped(term.slice(at + operator.length))],
      };
    }
  }
  throw badRequest(`invalid selector: '${term}'; can't understand '${term}'`);
}

/** @throws StatusError 400 for a selector that cannot be read. */
export function parseFieldSelector(source: string | undefined): Selector {
  return source === undefined || source === '' ? everything : splitTerms(source).map(parseTerm);
}

/** The name that the selector pins down, when it does. */
export function selectedName(selector: Selector): string | undefined {
  const found = selector.find(
    (term) => term.key === 'metadata.name' && term.operator === 'in' && term.values.length === 1,
  );
  return found?.values[0];
}

/** Kinds with fields of their own say so in words of their own. */
const ownWords: Readonly<Record<string, (key: string) => string>> = {
  'batch/jobs': (key) => `field label "${key}" not supported for Job`,
  'resource.k8s.io/resourceslices': (key) =>
    `field label not supported for resource.k8s.io/v1, Kind=ResourceSlice: ${key}`,
};
/** Workloads whose own field Kubernetes offers in no version that is left. */
const plainGroup = 'apps';

function unsupportedField(key: string, { group, plural }: KindInfo, offersMore: boolean): string {
  const said = ownWords[`${group}/${plural}`]?.(key);
  if (said !== undefined) return said;
  return offersMore && group !== plainGroup
    ? `field label not supported: ${key}`
    : `"${key}" is not a known field selector: only "metadata.name", "metadata.namespace"`;
}

/** @throws StatusError 400 naming the first field that the kind does not offer. */
export function checkFields(
  selector: Selector,
  kind: KindInfo,
  selectable: ReadonlyMap<string, unknown>,
): void {
  for (const { key } of selector) {
    if (key === 'metadata.name' || (key === 'metadata.namespace' && kind.namespaced)) continue;
    if (selectable.has(key)) continue;
    throw badRequest(unsupportedField(key, kind, selectable.size > 0));
  }
}
