import { readdirSync, readFileSync, statSync } from 'node:fs';
import { extname, join } from 'node:path';
import type { AnyObject } from '../api/kind-info.ts';
import { codeOf, messageOf } from '../base/invariant.ts';
import { type CliError, usageError } from './cli-error.ts';
import type { parseYaml as ParseYaml } from './yaml-text.ts';

/** An object of a file, and the name of the file for messages. */
export interface Manifest {
  readonly source: string;
  readonly object: AnyObject;
}

const extensions: ReadonlySet<string> = new Set(['.json', '.yaml', '.yml']);

/** All objects of files, directories and `-` (standard input), in their order; lists are taken apart. */
export async function readManifests(
  paths: readonly string[],
  recursive: boolean,
  validates = true,
): Promise<Manifest[]> {
  const { parseYaml } = await import('./yaml-text.ts');
  const manifests = paths
    .flatMap((path) => filesOf(path, recursive))
    .flatMap((path) => readFile(path, parseYaml, validates));
  if (manifests.length === 0) throw usageError('no objects passed to apply');
  return manifests;
}

function filesOf(path: string, recursive: boolean): string[] {
  if (path === '-') return [path];
  try {
    if (!statSync(path).isDirectory()) return [path];
  } catch (error) {
    if (codeOf(error) === 'ENOENT') throw usageError(`the path "${path}" does not exist`);
    throw usageError(messageOf(error));
  }
  const entries = readdirSync(path, { withFileTypes: true }).sort((a, b) => (a.name < b.name ? -1 : 1));
  const files = entries.flatMap((entry) => {
    const below = join(path, entry.name);
    if (entry.isDirectory()) return recursive ? filesOf(below, true) : [];
    return extensions.has(extname(entry.name)) ? [below] : [];
  });
  return files;
}

function readFile(path: string, parseYaml: typeof ParseYaml, validates: boolean): Manifest[] {
  const source = path === '-' ? 'STDIN' : path;
  const text = readFileSync(path === '-' ? 0 : path, 'utf8');
  const manifests: Manifest[] = [];
  for (const document of parseYaml(text)) {
    const [fault] = document.errors;
    if (fault !== undefined) throw parseFailure(source, fault.linePos?.[0].line ?? 1, fault.message);
    const value: unknown = document.toJS();
    if (value !== null && value !== undefined) manifests.push(...toManifests(source, value, validates));
  }
  return manifests;
}

function parseFailure(source: string, line: number, why: string): CliError {
  const firstLine = (why.split('\n')[0] ?? '').replace(/ at line \d+, column \d+:$/, '');
  return usageError(
    `error parsing ${source}: error converting YAML to JSON: yaml: line ${line}: ${firstLine}`,
  );
}

function toManifests(source: string, value: unknown, validates: boolean): Manifest[] {
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw usageError(
      `unable to decode "${source}": json: cannot unmarshal ${Array.isArray(value) ? 'array' : typeof value} into Go value of type unstructured.detector`,
    );
  const object = value as AnyObject;
  const unset = (['apiVersion', 'kind'] as const).filter((field) => typeof object[field] !== 'string');
  if (unset.includes('kind') && !validates)
    throw usageError(`unable to decode "${source}": Object 'Kind' is missing in '${JSON.stringify(value)}'`);
  if (unset.length > 0)
    throw usageError(
      `error validating "${source}": error validating data: [${unset.map((field) => `${field} not set`).join(', ')}]; if you choose to ignore these errors, turn validation off with --validate=false`,
    );
  const items = object['items'];
  if (object.kind.endsWith('List') && Array.isArray(items))
    return items.flatMap((item) => toManifests(source, item, validates));
  return [{ source, object }];
}
