import { posix } from 'node:path';
import type { SourceFile } from './source-files.ts';

/** Who may import whom, by top-level folder. `test` may import everything. */
export const importTable: Readonly<Record<string, readonly string[]>> = {
  base: [],
  api: ['base'],
  client: ['api', 'base'],
  apiserver: ['api', 'base'],
  controllers: ['client', 'api', 'base'],
  scheduler: ['client', 'api', 'base'],
  'node-agent': ['client', 'api', 'base'],
  'kubectl-lite': ['client', 'api', 'base'],
  // `unpackImageLayers` fills the layer store before the first host boots.
  deploy: ['client', 'api', 'base', 'node-agent'],
};

/** Beyond the table: `why`, `what-if` and `rebalance` ask the scheduler's core, which does no I/O, in their own process. */
const askingFolder = 'kubectl-lite/placement/';
const schedulerCore =
  /^scheduler\/((cache|framework|strategies|explanation|groups)\/.*|preemption\/(disruption-budget|preemption-index)|volumes\/attachments|rebalance\/(movable|next-move|node-health|node-load)|(configuration|diagnosis-memo|diagnosis-message|load-feed|profile|schedule|volume-state))\.ts$/;

const asksCore = (path: string, target: string): boolean =>
  path.startsWith(askingFolder) && schedulerCore.test(target);

/** Inside the apiserver requests go down these layers, never back. */
const apiserverLayers = ['http', 'store', 'watch-cache', 'storage'];

/** Folders whose parts know nothing of each other. */
const siblingFolders = ['controllers', 'scheduler/plugins', 'kubectl-lite/commands'];

/** Relative imports of a file, resolved to paths from the clone. Types count too. */
export function importsOf(file: SourceFile): string[] {
  const found = [...file.text.matchAll(/^(?:import|export|\})[^'\n]*'(\.[^']+)'|\bimport\('(\.[^']+)'\)/gm)];
  return found.map((match) => posix.join(posix.dirname(file.path), match[1] ?? match[2] ?? ''));
}

const isTest = (path: string): boolean => path.endsWith('.test.ts');

function violation(file: SourceFile, target: string): string | undefined {
  const [from = '', ...fromRest] = file.path.split('/');
  const [to = '', ...toRest] = target.split('/');
  if (from === 'test') return undefined;
  const mayImport = (importTable[from] ?? []).includes(to) || asksCore(file.path, target);
  if (to !== from && !mayImport && !(isTest(file.path) && to === 'test'))
    return `${from} may not import ${to}`;
  if (from === 'apiserver' && to === 'apiserver') {
    const [lower, upper] = [
      apiserverLayers.indexOf(fromRest[0] ?? ''),
      apiserverLayers.indexOf(toRest[0] ?? ''),
    ];
    if (lower >= 0 && upper >= 0 && upper < lower)
      return `apiserver/${fromRest[0]} may not import apiserver/${toRest[0]}`;
  }
  for (const folder of siblingFolders) {
    const [mine, theirs] = [partOf(folder, file.path), partOf(folder, target)];
    if (mine !== undefined && theirs !== undefined && mine !== theirs)
      return `${folder}/${mine} may not import its sibling ${theirs}`;
  }
  return undefined;
}

/** The part of a sibling folder that a path lies in: its subfolder, or in `plugins` and `commands` its file. */
function partOf(folder: string, path: string): string | undefined {
  if (!path.startsWith(`${folder}/`)) return undefined;
  const rest = path.slice(folder.length + 1).split('/');
  if (rest.length > 1) return rest[0];
  return folder === 'controllers' ? undefined : rest[0]?.replace(/(\.test)?\.ts$/, '');
}

/** One line per import that breaks the table. */
export function importViolations(files: readonly SourceFile[]): string[] {
  return files.flatMap((file) =>
    importsOf(file).flatMap((target) => {
      const reason = violation(file, target);
      return reason === undefined ? [] : [`${file.path}: ${reason}`];
    }),
  );
}
