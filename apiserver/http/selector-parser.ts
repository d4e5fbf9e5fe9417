import type { Requirement, Selector } from '../../api/selector.ts';
import { everything } from '../../api/selector.ts';
import { badRequest } from '../../api/status-error.ts';
import { labelKeyProblem, labelValueProblem } from './label-syntax.ts';

type TokenType =
  | 'identifier'
  | '='
  | '=='
  | '!='
  | 'in'
  | 'notin'
  | '!'
  | '('
  | ')'
  | ','
  | '>'
  | '<'
  | 'end';

interface Token {
  readonly type: TokenType;
  readonly text: string;
}

const special = new Set(['=', '!', '(', ')', ',', '>', '<']);
const operators: readonly string[] = ['==', '!=', '=', '!', '(', ')', ',', '>', '<'];

function tokenize(source: string): Token[] {
  const tokens: Token[] = [];
  let at = 0;
  while (at < source.length) {
    const char = source[at] ?? '';
    if (/\s/.test(char)) {
      at += 1;
      continue;
    }
    if (special.has(char)) {
      const operator = operators.find((candidate) => source.startsWith(candidate, at)) ?? char;
      tokens.push({ type: operator as TokenType, text: operator });
      at += operator.length;
      continue;
    }
    const start = at;
    while (at < source.length && !special.has(source[at] ?? '') && !/\s/.test(source[at] ?? '')) at += 1;
    const text = source.slice(start, at);
    tokens.push({ type: text === 'in' || text === 'notin' ? text : 'identifier', text });
  }
  return tokens;
}

const unable = (why: string): never => {
  throw badRequest(`unable to parse requirement: ${why}`);
};

/** Recursive descent over the tokens; messages as Kubernetes' labels.Parse gives them. */
class LabelParser {
  readonly #tokens: readonly Token[];
  #at = 0;

  constructor(source: string) {
    this.#tokens = tokenize(source);
  }

  parse(): Requirement[] {
    const requirements: Requirement[] = [];
    if (this.#peek().type === 'end') return requirements;
    for (;;) {
      const token = this.#peek(true);
      if (token.type !== 'identifier' && token.type !== '!')
        throw badRequest(`found '${token.text}', expected: !, identifier, or 'end of string'`);
      requirements.push(this.#requirement());
      const next = this.#next();
      if (next.type === 'end') return requirements;
      if (next.type !== ',') throw badRequest(`found '${next.text}', expected: ',' or 'end of string'`);
      const after = this.#peek(true);
      if (after.type !== 'identifier' && after.type !== '!')
        throw badRequest(`found '${after.text}', expected: identifier after ','`);
    }
  }

  /** Where a key or a value is due, `in` and `notin` are plain words. */
  #peek(asValue = false): Token {
    const token = this.#tokens[this.#at] ?? { type: 'end', text: '' };
    return asValue && (token.type === 'in' || token.type === 'notin')
      ? { type: 'identifier', text: token.text }
      : token;
  }

  #next(asValue = false): Token {
    const token = this.#peek(asValue);
    this.#at += 1;
    return token;
  }

  #requirement(): Requirement {
    const negated = this.#peek(true).type === '!';
    if (negated) this.#next();
    const key = this.#next(true);
    if (key.type !== 'identifier') unable(`found '${key.text}', expected: identifier`);
    checkKey(key.text);
    if (negated) return { key: key.text, operator: 'absent', values: [] };
    const following = this.#peek();
    if (following.type === 'end' || following.type === ',')
      return { key: key.text, operator: 'exists', values: [] };
    return this.#comparison(key.text, this.#next());
  }

  #comparison(key: string, operator: Token): Requirement {
    switch (operator.type) {
      case 'in':
      case 'notin':
        return {
          key,
          operator: operator.type === 'in' ? 'in' : 'notIn',
          values: this.#values().map((value) => checkedValue(key, value)),
        };
      case '=':
      case '==':
        return { key, operator: 'in', values: [checkedValue(key, this.#exactValue())] };
      case '!=':
        return { key, operator: 'notIn', values: [checkedValue(key, this.#exactValue())] };
      case '>':
      case '<': {
        const value = this.#exactValue();
        if (!/^[+-]?\d+$/.test(value))
          unable(
            `values[0][${key}]: Invalid value: "${value}": for 'Gt', 'Lt' operators, the value must be an integer`,
          );
        return { key, operator: operator.type === '>' ? 'gt' : 'lt', values: [value] };
      }
      default:
        return unable(`found '${operator.text}', expected: in, notin, =, ==, !=, gt, lt`);
    }
  }

  #exactValue(): string {
    const token = this.#peek(true);
    if (token.type === 'end' || token.type === ',') return '';
    this.#next(true);
    if (token.type !== 'identifier') unable(`found '${token.text}', expected: identifier`);
    return token.text;
  }

  #values(): string[] {
    const open = this.#next(true);
    if (open.type !== '(') unable(`found '${open.text}' expected: '('`);
    const values: string[] = [];
    let last: 'open' | 'value' | 'comma' = 'open';
    for (;;) {
      const token = this.#next(true);
      if (token.type === 'identifier' && last !== 'value') {
        values.push(token.text);
        last = 'value';
      } else if (token.type === ',') {
        if (last !== 'value') values.push('');
        last = 'comma';
      } else if (token.type === ')') {
        if (last !== 'value') values.push('');
        return values;
      } else unable(`found '${token.text}', expected: ',', ')' or identifier`);
    }
  }
}

function checkKey(key: string): void {
  const problem = labelKeyProblem(key);
  if (problem !== undefined) unable(`key: Invalid value: "${key}": ${problem}`);
}

function checkedValue(key: string, value: string): string {
  const problem = labelValueProblem(value);
  if (problem !== undefined) unable(`values[0][${key}]: Invalid value: "${value}": ${problem}`);
  return value;
}

/** @throws StatusError 400 with Kubernetes' words. */
export function parseLabelSelector(source: string | undefined): Selector {
  return source === undefined || source === '' ? everything : new LabelParser(source).parse();
}
