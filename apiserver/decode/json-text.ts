/**
 * JSON as Go reads it. The engine's own parser does the work; what it cannot say is added here: which fields stand twice
 * in an object, which numbers are written otherwise than Go reads an integer (`1.0`, `1e3`), and the words in which Go
 * names a syntax error. Duplicates are found by counting: when an object tree holds fewer fields than the text has, or a
 * field's number has a point or an exponent, the slow parser below reads it again and names them.
 */

/** Nesting that no API object reaches, and that recursion still bears. */
const maxDepth = 1000;

export interface ParsedJson {
  readonly value: unknown;
  /** Repeated fields, in the order of the text. */
  readonly duplicates: readonly RepeatedField[];
  /** Where fields stand first, by path; only when some stand twice, and of the first of them. */
  readonly places: ReadonlyMap<string, number>;
  readonly numbers: NumberTexts;
}

/** How numbers are written that stand otherwise in the text than they would be written again, by path: `1.0`. */
export type NumberTexts = ReadonlyMap<string, string>;
export const noNumberTexts: NumberTexts = new Map();

export interface RepeatedField {
  readonly path: string;
  /** Number of the repetition among the fields of the text. */
  readonly place: number;
}

/** Where more fields stand, nobody reads in which order they are complained about. */
const maxPlaces = 10_000;
/** Of all paths that are kept: each holds the keys above it, which may be long. */
export const maxPathCharacters = 1_000_000;
const noPlaces: ReadonlyMap<string, number> = new Map();

/** Text that is no JSON; the message is Go's. */
export class JsonSyntaxError extends Error {
  readonly code = 'INVALID_JSON';
}

/** @throws JsonSyntaxError */
export function parseJson(text: string): ParsedJson {
  const parsed = parseAnyJson(text);
  // Only an escape can bring half a character in.
  return /\\u[dD]/.test(text) ? { ...parsed, value: wellFormed(parsed.value) } : parsed;
}

/** As Go reads them: half of a surrogate pair becomes the replacement character. */
export function wellFormed(value: unknown): unknown {
  if (typeof value === 'string') return value.toWellFormed();
  if (Array.isArray(value)) return value.map(wellFormed);
  if (!isRecord(value)) return value;
  return Object.fromEntries(
    Object.entries(value).map(([key, item]) => [key.toWellFormed(), wellFormed(item)]),
  );
}

function parseAnyJson(text: string): ParsedJson {
  try {
    const value: unknown = JSON.parse(text);
    const fields = countFieldsOfText(text);
    if (fields === countFields(value, 0))
      return { value, duplicates: [], places: noPlaces, numbers: noNumberTexts };
  } catch (error) {
    if (error instanceof RangeError) throw new JsonSyntaxError('exceeded max depth');
    if (!(error instanceof SyntaxError)) throw error;
  }
  return new JsonReader(text).read();
}

/** Fields are strings followed by a colon. Undefined when one is a number, or a list of them, that is no plain integer. */
function countFieldsOfText(text: string): number | undefined {
  let count = 0;
  let at = text.indexOf('"');
  while (at >= 0) {
    let end = text.indexOf('"', at + 1);
    while (isEscaped(text, end)) end = text.indexOf('"', end + 1);
    let next = end + 1;
    while (isSpace(text.charCodeAt(next))) next++;
    if (text.charCodeAt(next) === 0x3a) {
      count++;
      if (isFractional(text, next + 1)) return undefined;
    }
    at = text.indexOf('"', next);
  }
  return count;
}

/** Does a point or an exponent stand in the number, or the list of numbers, that begins here? */
function isFractional(text: string, start: number): boolean {
  let at = start;
  while (isSpace(text.charCodeAt(at)) || text.charCodeAt(at) === 0x5b) at++;
  while (isOfIntegers(text.charCodeAt(at))) at++;
  const code = text.charCodeAt(at);
  return (code === 0x2e || code === 0x45 || code === 0x65) && isDigit(text.charCodeAt(at - 1));
}

const isDigit = (code: number): boolean => code >= 0x30 && code <= 0x39;
const isOfIntegers = (code: number): boolean =>
  isDigit(code) || code === 0x2d || code === 0x2c || isSpace(code);

function isEscaped(text: string, quote: number): boolean {
  let backslashes = 0;
  while (text.charCodeAt(quote - 1 - backslashes) === 0x5c) backslashes++;
  return backslashes % 2 === 1;
}

const isSpace = (code: number): boolean => code === 0x20 || code === 0x0a || code === 0x0d || code === 0x09;

function countFields(value: unknown, depth: number): number {
  if (typeof value !== 'object' || value === null) return 0;
  if (depth > maxDepth) throw new JsonSyntaxError('exceeded max depth');
  let count = 0;
  if (Array.isArray(value)) {
    for (const item of value) if (typeof item === 'object') count += countFields(item, depth + 1);
    return count;
  }
  for (const key in value) {
    count++;
    const field = (value as Record<string, unknown>)[key];
    if (typeof field === 'object') count += countFields(field, depth + 1);
  }
  return count;
}

const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** A later object is merged into an earlier one, as Go decodes twice into the same struct or map. */
function put(object: Record<string, unknown>, key: string, later: unknown): void {
  const earlier = Object.hasOwn(object, key) ? object[key] : undefined;
  // In place: a copy for each repetition would cost the square of them.
  if (isRecord(earlier) && isRecord(later)) for (const name in later) define(earlier, name, later[name]);
  else define(object, key, later);
}

function define(object: Record<string, unknown>, key: string, value: unknown): void {
  Object.defineProperty(object, key, { value, enumerable: true, writable: true, configurable: true });
}

const literals: readonly (readonly [string, unknown])[] = [
  ['true', true],
  ['false', false],
  ['null', null],
];

class JsonReader {
  readonly #text: string;
  readonly #duplicates: RepeatedField[] = [];
  readonly #places = new Map<string, number>();
  readonly #numbers = new Map<string, string>();
  #fields = 0;
  #pathCharacters = 0;
  #at = 0;

  constructor(text: string) {
    this.#text = text;
  }

  read(): ParsedJson {
    const value = this.#value('', 0);
    this.#skipSpace();
    if (this.#at < this.#text.length) this.#fail('after top-level value');
    return { value, duplicates: this.#duplicates, places: this.#places, numbers: this.#numbers };
  }

  #skipSpace(): void {
    while (isSpace(this.#text.charCodeAt(this.#at))) this.#at++;
  }

  #fail(context: string): never {
    const char = this.#text[this.#at];
    if (char === undefined) throw new JsonSyntaxError('unexpected end of JSON input');
    throw new JsonSyntaxError(`invalid character ${quoteCharacter(char)} ${context}`);
  }

  #value(path: string, depth: number): unknown {
    if (depth > maxDepth) throw new JsonSyntaxError('exceeded max depth');
    this.#skipSpace();
    const char = this.#text[this.#at];
    if (char === '{') return this.#object(path, depth);
    if (char === '[') return this.#array(path, depth);
    if (char === '"') return this.#string();
    if (char !== undefined && /[-0-9]/.test(char)) return this.#number(path);
    for (const [word, value] of literals) if (word[0] === char) return this.#literal(word, value);
    return this.#fail('looking for beginning of value');
  }

  #object(path: string, depth: number): unknown {
    const object: Record<string, unknown> = {};
    this.#at++;
    this.#skipSpace();
    if (this.#text[this.#at] === '}') return this.#closed(object);
    for (let first = true; ; first = false) {
      this.#skipSpace();
      if (this.#text[this.#at] !== '"')
        this.#fail(
          first ? 'looking for beginning of object key string' : 'looking for beginning of object key string',
        );
      const key = this.#string();
      const fieldPath = path === '' ? key : `${path}.${key}`;
      this.#skipSpace();
      if (this.#text[this.#at] !== ':') this.#fail('after object key');
      this.#at++;
      this.#place(fieldPath, Object.hasOwn(object, key));
      put(object, key, this.#value(fieldPath, depth + 1));
      this.#skipSpace();
      if (this.#text[this.#at] === '}') return this.#closed(object);
      if (this.#text[this.#at] !== ',') this.#fail('after object key:value pair');
      this.#at++;
    }
  }

  #closed<T>(value: T): T {
    this.#at++;
    return value;
  }

  #place(path: string, isRepeated: boolean): void {
    const place = this.#fields++;
    if (this.#pathCharacters + path.length > maxPathCharacters) return;
    this.#pathCharacters += path.length;
    if (isRepeated) this.#duplicates.push({ path, place });
    else if (place < maxPlaces && !this.#places.has(path)) this.#places.set(path, place);
  }

  #array(path: string, depth: number): unknown[] {
    const items: unknown[] = [];
    this.#at++;
    this.#skipSpace();
    if (this.#text[this.#at] === ']') return this.#closed(items);
    for (;;) {
      items.push(this.#value(`${path}[${items.length}]`, depth + 1));
      this.#skipSpace();
      if (this.#text[this.#at] === ']') return this.#closed(items);
      if (this.#text[this.#at] !== ',') this.#fail('after array element');
      this.#at++;
    }
  }

  #string(): string {
    const start = this.#at++;
    for (;;) {
      const char = this.#text[this.#at];
      if (char === undefined || char < ' ') this.#fail('in string literal');
      this.#at++;
      if (char === '"') break;
      if (char === '\\') this.#escape();
    }
    return JSON.parse(this.#text.slice(start, this.#at)) as string;
  }

  #escape(): void {
    const char = this.#text[this.#at] ?? '';
    if (!'"\\/bfnrtu'.includes(char) || char === '') this.#fail('in string escape code');
    this.#at++;
    if (char !== 'u') return;
    for (let digit = 0; digit < 4; digit++) {
      if (!/[0-9a-fA-F]/.test(this.#text[this.#at] ?? '')) this.#fail('in \\u hexadecimal character escape');
      this.#at++;
    }
  }

  #number(path: string): number {
    const start = this.#at;
    if (this.#text[this.#at] === '-') this.#at++;
    if (this.#text[this.#at] === '0') this.#at++;
    else this.#digits('in numeric literal');
    if (this.#text[this.#at] === '.') {
      this.#at++;
      this.#digits('after decimal point in numeric literal');
    }
    if (/[eE]/.test(this.#text[this.#at] ?? '')) {
      this.#at++;
      if (/[-+]/.test(this.#text[this.#at] ?? '')) this.#at++;
      this.#digits('in exponent of numeric literal');
    }
    const text = this.#text.slice(start, this.#at);
    const number = Number(text);
    if (/[.eE]/.test(text) && String(number) !== text) this.#keepText(path, text);
    return number;
  }

  #keepText(path: string, text: string): void {
    this.#pathCharacters += path.length + text.length;
    if (this.#pathCharacters <= maxPathCharacters) this.#numbers.set(path, text);
  }

  #digits(context: string): void {
    const start = this.#at;
    while (/[0-9]/.test(this.#text[this.#at] ?? '')) this.#at++;
    if (this.#at === start) this.#fail(context);
  }

  #literal(word: string, value: unknown): unknown {
    for (let index = 0; index < word.length; index++) {
      if (this.#text[this.#at] !== word[index]) this.#fail(`in literal ${word} (expecting '${word[index]}')`);
      this.#at++;
    }
    return value;
  }
}

function quoteCharacter(char: string): string {
  if (char === "'") return `'\\''`;
  if (char === '"') return `'"'`;
  const escaped = JSON.stringify(char).slice(1, -1);
  return `'${escaped}'`;
}
