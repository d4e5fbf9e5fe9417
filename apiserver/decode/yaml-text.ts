import { type Document, isScalar, parseDocument, visit, type YAMLParseError } from 'yaml';
import { parseJson, wellFormed } from './json-text.ts';

/** Text that is no YAML. */
export class YamlSyntaxError extends Error {
  readonly code = 'INVALID_YAML';
}

/** What YAML 1.1 knows and JSON does not; times stay the text they are. */
const foreignTags = new Set(
  ['timestamp', 'binary', 'omap', 'pairs', 'set'].map((name) => `tag:yaml.org,2002:${name}`),
);

/** Aliases expand: a small text must not become a large object. */
const maxAliasCount = 1000;
/** More are not told: each costs a look for its line. */
const maxRepeatedTold = 100;

export interface ReadYaml {
  readonly value: unknown;
  /** Of keys that stand twice in a mapping, in go-yaml's words; the last one counts. */
  readonly repeated: readonly string[];
}

/**
 * The first document of a YAML text as JSON values, read as YAML 1.1: `yes` and `on` are booleans, `0x2` a number.
 * The fields of mappings come in alphabetical order, as Go hands them on.
 * @throws YamlSyntaxError
 */
export function readYaml(text: string): ReadYaml {
  return readJson(text) ?? readDocument(text);
}

/** JSON is YAML, and what programs send: its own parser takes a hundredth of the time. Undefined for other text. */
function readJson(text: string): ReadYaml | undefined {
  if (!/^\s*\{/.test(text)) return undefined;
  try {
    const { value, duplicates } = parseJson(text);
    return duplicates.length > 0 ? undefined : { value: toJson(value), repeated: [] };
  } catch {
    // A mapping in braces may be YAML all the same; if it is not, that parser says why.
    return undefined;
  }
}

function readDocument(text: string): ReadYaml {
  const document = parseDocument(text, {
    version: '1.1',
    // The parser would compare each key of a mapping with each other one.
    uniqueKeys: false,
    prettyErrors: false,
    logLevel: 'silent',
    customTags: (tags) => tags.filter((tag) => typeof tag === 'string' || !foreignTags.has(tag.tag)),
  });
  const lineAt = (at: number): number => text.slice(0, at).split('\n').length;
  const lineOf = ({ pos }: YAMLParseError): number => lineAt(pos[0]);
  const error = document.errors.find(({ code }) => code !== 'MULTIPLE_DOCS');
  if (error !== undefined)
    throw new YamlSyntaxError(`error converting YAML to JSON: yaml: line ${lineOf(error)}: ${error.message}`);
  const repeated = repeatedAt(document).map(
    (at) => `line ${lineAt(at)}: key ${JSON.stringify(keyOf(text.slice(at)))} already set in map`,
  );
  try {
    const value = toJson(document.toJS({ maxAliasCount }));
    return { value: /\\[uU]/.test(text) ? wellFormed(value) : value, repeated };
  } catch (cause) {
    if (cause instanceof YamlSyntaxError) throw cause;
    throw new YamlSyntaxError(`error converting YAML to JSON: yaml: ${String(cause)}`, { cause });
  }
}

/** Where keys stand that have stood before in their mapping; only the first ones. */
function repeatedAt(document: Document): number[] {
  const found: number[] = [];
  visit(document, {
    Map: (_, { items }) => {
      const seen = new Set<unknown>();
      for (const { key } of items) {
        if (!isScalar(key)) continue;
        if (seen.has(key.value) && found.length < maxRepeatedTold) found.push(key.range?.[0] ?? 0);
        seen.add(key.value);
      }
    },
  });
  return found.sort((left, right) => left - right);
}

/** Like `readYaml`, for what must not say a thing twice. @throws YamlSyntaxError */
export function parseYaml(text: string): unknown {
  const { value, repeated } = readYaml(text);
  if (repeated.length > 0)
    throw new YamlSyntaxError(`error converting YAML to JSON: ${repeatedKeys(repeated)}`);
  return value;
}

/** Repeated keys as one error of go-yaml. */
export function repeatedKeys(repeated: readonly string[]): string {
  return `yaml: unmarshal errors:\n  ${repeated.join('\n  ')}`;
}

/** The key that a text begins with, plain or in quotes. */
function keyOf(text: string): string {
  const [, double, single, plain = ''] =
    /^(?:"((?:[^"\\]|\\.)*)"|'((?:[^']|'')*)'|([^\n]*?)\s*:(?:\s|$))/.exec(text) ?? [];
  return double ?? single ?? plain;
}

/** What JSON cannot say is refused. */
function toJson(value: unknown): unknown {
  if (value === undefined) return null;
  if (Array.isArray(value)) return value.map(toJson);
  if (typeof value === 'number' && !Number.isFinite(value))
    throw new YamlSyntaxError(`json: unsupported value: ${value}`);
  if (typeof value !== 'object' || value === null) return value;
  const entries = Object.entries(value).sort(([left], [right]) => (left < right ? -1 : 1));
  return Object.fromEntries(entries.map(([key, item]) => [key, toJson(item)]));
}
