import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';

export const root: string = dirname(dirname(dirname(fileURLToPath(import.meta.url))));
export const folders = [
  'base',
  'api',
  'client',
  'apiserver',
  'controllers',
  'scheduler',
  'node-agent',
  'kubectl-lite',
  'deploy',
  'test',
] as const;

/** A TypeScript file of the project; `path` is relative to the clone. */
export interface SourceFile {
  readonly path: string;
  readonly text: string;
}

function* filesIn(directory: string): Generator<string> {
  for (const entry of readdirSync(directory, { withFileTypes: true })) {
    const path = join(directory, entry.name);
    if (entry.isDirectory()) yield* filesIn(path);
    else yield path;
  }
}

/** Every hand-written source file. */
export function sourceFiles(): SourceFile[] {
  const files = folders.flatMap((folder) => [...filesIn(join(root, folder))]);
  return files
    .filter((file) => file.endsWith('.ts') && !file.includes('/generated/'))
    .map((file) => ({ path: relative(root, file), text: readFileSync(file, 'utf8') }));
}
