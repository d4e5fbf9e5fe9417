import type { SourceFile } from './source-files.ts';

const constant = "'([A-Z][A-Z0-9]*(?:_[A-Z0-9]+)*)'";
/** A literal code of an error class: a field of it, or a member of the union type that its field has. */
const patterns = [
  new RegExp(`\\breadonly code(?:: [\\w ]+)? = ${constant}`, 'g'),
  new RegExp(`^\\s*(?:export type \\w*Code =|\\|)\\s*${constant}`, 'gm'),
];

/** Every literal error code that the sources declare. */
export function declaredCodes(files: readonly SourceFile[]): string[] {
  const declaring = files.filter(
    (file) => /ErrorCode\b|extends Error\b/.test(file.text) && !file.path.includes('.test.'),
  );
  const found = declaring.flatMap((file) =>
    patterns.flatMap((pattern) => [...file.text.matchAll(pattern)].map((match) => match[1] ?? '')),
  );
  return [...new Set(found)].sort();
}

/** The codes that a page documents: the first column of its tables. */
export function documentedCodes(page: string): string[] {
  return [...page.matchAll(/^\| `([A-Z0-9_]+)` \|/gm)].map((match) => match[1] ?? '').sort();
}
