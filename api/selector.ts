/** One term of a label or field selector. `exists` and `absent` have no values. @see labels.Requirement */
export interface Requirement {
  readonly key: string;
  readonly operator: 'in' | 'notIn' | 'exists' | 'absent' | 'gt' | 'lt';
  readonly values: readonly string[];
}

/** All requirements must hold; none selects everything. */
export type Selector = readonly Requirement[];

export const everything: Selector = [];

/** As Kubernetes' labels.Requirement.Matches: `notIn` holds for an absent key, `in` does not. */
export function matchesRequirement(requirement: Requirement, value: string | undefined): boolean {
  switch (requirement.operator) {
    case 'in':
      return value !== undefined && requirement.values.includes(value);
    case 'notIn':
      return value === undefined || !requirement.values.includes(value);
    case 'exists':
      return value !== undefined;
    case 'absent':
      return value === undefined;
    case 'gt':
      return value !== undefined && Number(value) > Number(requirement.values[0]);
    case 'lt':
      return value !== undefined && Number(value) < Number(requirement.values[0]);
  }
}

/** `labels` may be a map or a plain record. */
export function matchesSelector(
  selector: Selector,
  labels: ReadonlyMap<string, string> | Readonly<Record<string, string>> | undefined,
): boolean {
  const lookup =
    labels instanceof Map
      ? (key: string) => labels.get(key) as string | undefined
      : (key: string) => ownValue(labels, key);
  return selector.every((requirement) => matchesRequirement(requirement, lookup(requirement.key)));
}

function ownValue(labels: object | undefined, key: string): string | undefined {
  if (labels === undefined || !Object.hasOwn(labels, key)) return undefined;
  const value: unknown = Reflect.get(labels, key);
  return typeof value === 'string' ? value : undefined;
}

/** LabelSelector of meta/v1. */
export interface LabelSelectorSource {
  readonly matchLabels?: Readonly<Record<string, string>> | undefined;
  readonly matchExpressions?:
    | readonly {
        readonly key: string;
        readonly operator: string;
        readonly values?: readonly string[] | undefined;
      }[]
    | undefined;
}

/** A LabelSelector object as a selector; undefined selects nothing. */
export function fromLabelSelector(source: LabelSelectorSource | undefined): Selector | undefined {
  if (source === undefined) return undefined;
  const operators = { In: 'in', NotIn: 'notIn', Exists: 'exists', DoesNotExist: 'absent' } as const;
  const exact = Object.entries(source.matchLabels ?? {}).map(
    ([key, value]): Requirement => ({ key, operator: 'in', values: [value] }),
  );
  const expressions = (source.matchExpressions ?? []).map((expression): Requirement => {
    const operator = operators[expression.operator as keyof typeof operators];
    if (operator === undefined)
      throw new TypeError(`"${expression.operator}" is not a valid label selector operator`);
    return { key: expression.key, operator, values: expression.values ?? [] };
  });
  return [...exact, ...expressions];
}
