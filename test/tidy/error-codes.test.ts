import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { declaredCodes, documentedCodes } from './error-codes.ts';
import { root, sourceFiles } from './source-files.ts';

describe('error codes', () => {
  it('stand in docs/errors.md, each and only those', () => {
    const documented = documentedCodes(readFileSync(join(root, 'docs/errors.md'), 'utf8'));
    expect(documented.length).toBeGreaterThan(5);
    expect(documented).toEqual(declaredCodes(sourceFiles().filter((file) => !file.path.startsWith('test/'))));
  });

  it('are found in a planted class and a planted union', () => {
    const text =
      "export class A extends Error {\n  readonly code = 'PLANTED';\n}\nexport type BErrorCode =\n  | 'PLANTED_ONE'\n  | 'PLANTED_TWO';\n";
    expect(declaredCodes([{ path: 'base/a.ts', text }])).toEqual(['PLANTED', 'PLANTED_ONE', 'PLANTED_TWO']);
  });

  it('are read from a planted table', () => {
    expect(documentedCodes('| code | x |\n|---|---|\n| `PLANTED` | x |\n')).toEqual(['PLANTED']);
  });
});
