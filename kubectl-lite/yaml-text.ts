import { type ParsedNode, parseAllDocuments, type Tags, visit, Document as YamlDocument } from 'yaml';

/**
 * YAML as kubectl reads and writes it: version 1.1, in which `yes` is true and `0644` is octal, but without the types
 * that JSON has no place for (dates, base 60 numbers).
 */
const jsonTags = (tags: Tags): Tags =>
  tags.filter((tag) => {
    if (typeof tag === 'string') return tag !== 'timestamp' && tag !== 'intTime' && tag !== 'floatTime';
    return tag.tag !== 'tag:yaml.org,2002:timestamp' && !('format' in tag && tag.format === 'TIME');
  });

export function parseYaml(text: string): readonly YamlDocument.Parsed<ParsedNode>[] {
  const documents = parseAllDocuments(text, { version: '1.1', customTags: jsonTags });
  return Array.isArray(documents) ? documents : [];
}

/** What a YAML 1.1 or 1.2 reader takes for something else than a string. */
const ambiguous =
  /^(|~|<<|y|n|yes|no|on|off|true|false|null|[-+]?(\.inf|\.nan)|[-+]?(0b[01_]+|0o?[0-7_]+|0x[\da-f_]+|(\d[\d_]*)?\.?\d[\d_]*(e[-+]?\d+)?|\d[\d_]*\.)|[-+]?\d[\d_]*(:[0-5]?\d)+(\.\d*)?|\d{4}-\d\d?-\d\d?.*)$/i;

/** Double quotes around strings that look like something else, single ones where the syntax needs any. */
export function toYaml(value: unknown): string {
  const document = new YamlDocument(value, { version: '1.1', aliasDuplicateObjects: false });
  visit(document, {
    Scalar(_, node) {
      if (typeof node.value === 'string' && ambiguous.test(node.value)) node.type = 'QUOTE_DOUBLE';
    },
  });
  return document.toString({ indentSeq: false, lineWidth: 0, singleQuote: true });
}
