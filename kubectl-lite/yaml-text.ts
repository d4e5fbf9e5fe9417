import { type Document, type ParsedNode, parseAllDocuments, stringify, type Tags } from 'yaml';

/**
 * YAML as kubectl reads and writes it: version 1.1, in which `yes` is true and `0644` is octal, but without the types
 * that JSON has no place for (dates, base 60 numbers).
 */
const jsonTags = (tags: Tags): Tags =>
  tags.filter((tag) => {
    if (typeof tag === 'string') return tag !== 'timestamp' && tag !== 'intTime' && tag !== 'floatTime';
    return tag.tag !== 'tag:yaml.org,2002:timestamp' && !('format' in tag && tag.format === 'TIME');
  });

export function parseYaml(text: string): readonly Document.Parsed<ParsedNode>[] {
  const documents = parseAllDocuments(text, { version: '1.1', customTags: jsonTags });
  return Array.isArray(documents) ? documents : [];
}

/** Strings that version 1.1 would read as something else are quoted. */
export function toYaml(value: unknown): string {
  return stringify(value, { version: '1.1', indentSeq: false, lineWidth: 0, aliasDuplicateObjects: false });
}
