import type { Requirement, Selector } from '../../api/selector.ts';

const setForm = /^([^\s!=,()]+)\s+(in|notin)\s+\(([^)]*)\)$/;

/** A selector as a scale's status writes it: `app=web,tier in (a,b),!old`. */
export function parseSelectorText(text: string): Selector {
  const terms = text.match(/[^,()]+(?:\([^)]*\))?/g) ?? [];
  return terms.map((term) => parseTerm(term.trim())).filter((term) => term !== undefined);
}

function parseTerm(term: string): Requirement | undefined {
  if (term === '') return undefined;
  const [, key = '', operator, values = ''] = setForm.exec(term) ?? [];
  if (operator !== undefined) {
    const list = values.split(',').map((value) => value.trim());
    return { key, operator: operator === 'in' ? 'in' : 'notIn', values: list };
  }
  if (term.startsWith('!')) return { key: term.slice(1), operator: 'absent', values: [] };
  const [, name = '', sign, value = ''] = /^([^!=]+)(!=|==|=)(.*)$/.exec(term) ?? [];
  if (sign === undefined) return { key: term, operator: 'exists', values: [] };
  return { key: name, operator: sign === '!=' ? 'notIn' : 'in', values: [value] };
}
