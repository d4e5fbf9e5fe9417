import type { AnyObject } from '../../api/kind-info.ts';

/** Lists of objects that are indexed or selected by. */
const kept: readonly string[] = ['"ownerReferences":', '"podIPs":'];

const listStart = '[{"';
const quote = 0x22;
const backslash = 0x5c;
const openList = 0x5b;
const closeList = 0x5d;

/**
 * A stored object without its lists of objects, which nothing is selected by: field owners, containers, volumes,
 * conditions. They are most of the text; looking for their ends costs a third of parsing them.
 */
export function outlineOf(json: Buffer): AnyObject {
  const text = json.toString();
  let outline = '';
  let from = 0;
  for (let at = text.indexOf(listStart); at >= 0; at = text.indexOf(listStart, at)) {
    if (isList(text, at) && !isKept(text, at)) {
      outline += text.slice(from, at + 1);
      from = listEnd(text, at);
      at = from;
    } else at += listStart.length;
  }
  return JSON.parse(outline + text.slice(from)) as AnyObject;
}

/**
 * False inside of a string, where the quote of `[{"` can only be the end of it and one of these follows. A list whose
 * first key begins so is not recognised, which only means that it is parsed.
 */
function isList(text: string, at: number): boolean {
  return !',:]} \t\r\n'.includes(text.charAt(at + listStart.length));
}

/** Of the list that begins at `start`: where its closing bracket is. */
function listEnd(text: string, start: number): number {
  let depth = 0;
  for (let at = start; at < text.length; at += 1) {
    const code = text.charCodeAt(at);
    if (code === quote) at = stringEnd(text, at);
    else if (code === openList) depth += 1;
    else if (code === closeList) {
      depth -= 1;
      if (depth === 0) return at;
    }
  }
  return text.length;
}

/** Of the string whose opening quote is at `start`: where its closing quote is. */
function stringEnd(text: string, start: number): number {
  let end = text.indexOf('"', start + 1);
  while (end > 0 && isEscaped(text, end)) end = text.indexOf('"', end + 1);
  return end < 0 ? text.length : end;
}

function isEscaped(text: string, at: number): boolean {
  let backslashes = 0;
  while (text.charCodeAt(at - 1 - backslashes) === backslash) backslashes += 1;
  return backslashes % 2 === 1;
}

const isKept = (text: string, at: number): boolean =>
  kept.some((name) => text.startsWith(name, at - name.length));
