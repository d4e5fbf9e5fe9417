import type { SourceFile } from './source-files.ts';

/** Where an error class says its code: a literal field, or the union type that its field has. */
const declarations =
  /\breadonly code(?:: [\w ]+)? =[^;]*;|\breadonly code:[^;]*;|\bexport type \w*Code =[^;]*;/g;
const literal = /'([A-Z][A-Z0-9]*(?:_[A-Z0-9]+)*)'/g;

/** Every literal error code that the sources declare. */
export function declaredCodes(files: readonly SourceFile[]): string[] {
  const declaring = files.filter(
    (file) => /ErrorCode\b|extends Error\b/.test(file.text) && !file.path.includes('.test.'),
  );
  const found = declaring.flatMap((file) => {
    const places = [...file.text.matchAll(declarations)].map((match) => match[0]);
    return places.flatMap((place) => [...place.matchAll(literal)].map((match) => match[1] ?? ''));
  });
  return [...new Set(found)].sort();
}

/** The codes that a page documents: the first column of its tables. */
export function documentedCodes(page: string): string[] {
  return [...page.matchAll(/^\| `([A-Z0-9_]+)` \|/gm)].map((match) => match[1] ?? '').sort();
}
