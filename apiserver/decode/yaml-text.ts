import { parseDocument } from 'yaml';
import { wellFormed } from './json-text.ts';

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

/**
 * The first document of a YAML text as JSON values, read as YAML 1.1: `yes` and `on` are booleans, `0x2` a number.
 * @throws YamlSyntaxError
 */
export function parseYaml(text: string): unknown {
  const document = parseDocument(text, {
    version: '1.1',
    uniqueKeys: true,
    prettyErrors: false,
    logLevel: 'silent',
    customTags: (tags) => tags.filter((tag) => typeof tag === 'string' || !foreignTags.has(tag.tag)),
  });
  const error = document.errors[0];
  if (error !== undefined && error.code !== 'MULTIPLE_DOCS') {
    const line = text.slice(0, error.pos[0]).split('\n').length;
    throw new YamlSyntaxError(`error converting YAML to JSON: yaml: line ${line}: ${error.message}`);
  }
  try {
    const value = toJson(document.toJS({ maxAliasCount }));
    return /\\[uU]/.test(text) ? wellFormed(value) : value;
  } catch (cause) {
    if (cause instanceof YamlSyntaxError) throw cause;
    throw new YamlSyntaxError(`error converting YAML to JSON: yaml: ${String(cause)}`, { cause });
  }
}

/** What JSON cannot say is refused. */
function toJson(value: unknown): unknown {
  if (value === undefined) return null;
  if (Array.isArray(value)) return value.map(toJson);
  if (typeof value === 'number' && !Number.isFinite(value))
    throw new YamlSyntaxError(`json: unsupported value: ${value}`);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, toJson(item)]));
}
