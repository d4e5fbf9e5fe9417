import type { NumberTexts } from '../decode/json-text.ts';

const inValue = /^\[(\d+)\]\.value(.*)$/s;

/**
 * Where the numbers of a JSON patch's values come to stand in the object, as far as their operations say it: an item that
 * is added at the end, or moved by a later operation, is not found again.
 */
export function patchedNumbers(operations: unknown, numbers: NumberTexts): NumberTexts {
  const found = new Map<string, string>();
  if (!Array.isArray(operations)) return found;
  for (const [path, text] of numbers) {
    const [, index = '', rest = ''] = inValue.exec(path) ?? [];
    const operation: unknown = operations[Number(index)];
    const pointer = index === '' ? undefined : Reflect.get(Object(operation), 'path');
    if (typeof pointer === 'string') found.set(`${toFieldPath(pointer)}${rest}`, text);
  }
  return found;
}

/** `/spec/ports/0/port` as `spec.ports[0].port`. */
function toFieldPath(pointer: string): string {
  let path = '';
  for (const part of pointer.split('/').slice(1)) {
    const key = part.replaceAll('~1', '/').replaceAll('~0', '~');
    if (/^\d+$/.test(key)) path += `[${key}]`;
    else path += path === '' ? key : `.${key}`;
  }
  return path;
}
