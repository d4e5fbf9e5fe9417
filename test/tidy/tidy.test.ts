import { describe, expect, it } from 'vitest';
import { importsOf, importViolations } from './import-table.ts';
import { folders, sourceFiles } from './source-files.ts';
import {
  banned,
  bannedText,
  longFiles,
  longFunctions,
  maxFileLines,
  maxFunctionLines,
} from './text-rules.ts';

const rulesThemselves = (path: string): boolean => path.startsWith('test/tidy/');
const files = sourceFiles();
const checked = files.filter((file) => !rulesThemselves(file.path));

describe('the tree', () => {
  it('is seen whole', () => {
    const seen = new Set(files.map((file) => file.path.split('/')[0]));
    expect(folders.filter((folder) => !seen.has(folder))).toEqual([]);
    expect(files.flatMap(importsOf).length).toBeGreaterThan(files.length);
  });

  it('keeps the import table', () => {
    expect(importViolations(checked)).toEqual([]);
  });

  it(`has no file over ${maxFileLines} lines`, () => {
    expect(longFiles(files)).toEqual([]);
  });

  it(`has no function over ${maxFunctionLines} lines`, () => {
    expect(longFunctions(files)).toEqual([]);
  });

  it('contains nothing that is banned', () => {
    expect(bannedText(checked)).toEqual([]);
  });
});

describe('the rules reject a planted fault:', () => {
  const line = (count: number): string => '  x();\n'.repeat(count);

  it.each([
    ['base/a.ts', "import { b } from '../api/b.ts';", 'base may not import api'],
    [
      'kubectl-lite/commands/a.ts',
      "import { schedule } from '../../scheduler/schedule.ts';",
      'kubectl-lite may not import scheduler',
    ],
    [
      'kubectl-lite/placement/a.ts',
      "import { Binder } from '../../scheduler/binder.ts';",
      'kubectl-lite may not import scheduler',
    ],
    ['apiserver/http/a.ts', "import type { B } from '../../client/b.ts';", 'apiserver may not import client'],
    [
      'apiserver/storage/a.ts',
      "import { b } from '../http/b.ts';",
      'apiserver/storage may not import apiserver/http',
    ],
    [
      'controllers/namespace/a.ts',
      "const b = await import('../deployment/b.ts');",
      'controllers/namespace may not import its sibling deployment',
    ],
    [
      'scheduler/plugins/a.ts',
      "import { b } from './b.ts';",
      'scheduler/plugins/a may not import its sibling b',
    ],
  ])('%s with %s', (path, text, reason) => {
    expect(importViolations([{ path, text }])).toEqual([`${path}: ${reason}`]);
  });

  it('a long file', () => {
    expect(longFiles([{ path: 'base/a.ts', text: line(maxFileLines + 1) }])).toHaveLength(1);
  });

  it.each([
    ['function', 'export function a(): void {\n', '}\n'],
    ['async method', '  async a(b: string): Promise<void> {\n', '  }\n'],
    ['private method', '  #a(): void {\n', '  }\n'],
    ['arrow function', 'const a = (): void => {\n', '};\n'],
  ])('a long %s', (_, head, tail) => {
    expect(
      longFunctions([{ path: 'base/a.ts', text: head + line(maxFunctionLines - 1) + tail }]),
    ).toHaveLength(1);
    expect(
      longFunctions([{ path: 'base/a.ts', text: head + line(maxFunctionLines - 2) + tail }]),
    ).toHaveLength(0);
  });

  it.each([
    'Date.now()',
    'const x = y as any;',
    'const x = y as unknown as string;',
    '// biome-ignore lint: why',
    "it.skip('x', () => {})",
    '// TODO later',
    'export default x;',
    'export enum A {}',
    "import { spawn } from 'node:child_process';",
    "export * from './x.ts';",
    'setImmediate(f)',
  ])('%s', (text) => {
    expect(bannedText([{ path: 'node-agent/pod/a.ts', text }])).toHaveLength(1);
  });

  it('every banned pattern is planted above', () => {
    expect(banned).toHaveLength(10);
  });

  it('a name that says nothing', () => {
    expect(bannedText([{ path: 'client/utils.ts', text: '' }])).toHaveLength(1);
  });
});
