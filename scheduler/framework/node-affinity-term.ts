import type { NodeSelectorTerm } from '../../api/generated/core-v1.ts';

/** A node as far as node selectors see it. */
export interface SelectableNode {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
}

type Expression = NonNullable<NodeSelectorTerm['matchExpressions']>[number];

/** All expressions and fields must hold. A term without any matches no node, as in Kubernetes. */
export function matchesNodeSelectorTerm(term: NodeSelectorTerm, node: SelectableNode): boolean {
  const expressions = term.matchExpressions ?? [];
  const fields = term.matchFields ?? [];
  if (expressions.length === 0 && fields.length === 0) return false;
  return (
    expressions.every((expression) => matchesExpression(expression, labelOf(node, expression.key))) &&
    fields.every((field) => matchesExpression(field, field.key === 'metadata.name' ? node.name : undefined))
  );
}

export const labelOf = (node: SelectableNode, key: string): string | undefined =>
  Object.hasOwn(node.labels, key) ? node.labels[key] : undefined;

function matchesExpression({ operator, values = [] }: Expression, value: string | undefined): boolean {
  switch (operator) {
    case 'In':
      return value !== undefined && values.includes(value);
    case 'NotIn':
      return value === undefined || !values.includes(value);
    case 'Exists':
      return value !== undefined;
    case 'DoesNotExist':
      return value === undefined;
    case 'Gt':
      return compareIntegers(value, values[0]) > 0;
    case 'Lt':
      return compareIntegers(value, values[0]) < 0;
    default:
      return false;
  }
}

const integer = /^[+-]?[0-9]+$/;
const [leastInteger, greatestInteger] = [-(2n ** 63n), 2n ** 63n - 1n];

/** Zero, which satisfies neither Gt nor Lt, unless both are integers of 64 bits. */
function compareIntegers(left: string | undefined, right: string | undefined): number {
  const [a, b] = [toInteger(left), toInteger(right)];
  if (a === undefined || b === undefined || a === b) return 0;
  return a < b ? -1 : 1;
}

function toInteger(text: string | undefined): bigint | undefined {
  if (text === undefined || !integer.test(text)) return undefined;
  const value = BigInt(text.replace(/^\+/, ''));
  return value < leastInteger || value > greatestInteger ? undefined : value;
}
