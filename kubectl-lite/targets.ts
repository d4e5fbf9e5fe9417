import type { KindInfo } from '../api/kind-info.ts';
import { usageError } from './cli-error.ts';
import type { KindTable } from './kind-table.ts';

/** Objects named on the command line: some of one kind, or all of it when `names` is undefined. */
export interface Target {
  readonly kind: KindInfo;
  readonly names: readonly string[] | undefined;
}

/** Reads `pods`, `pods,svc`, `all`, `pod a b` or `pod/a svc/b`. */
export async function parseTargets(args: readonly string[], kinds: KindTable): Promise<Target[]> {
  const [first = '', ...names] = args;
  if (args.some((arg) => arg.includes('/'))) return parseSlashed(args, kinds);
  const listed: KindInfo[] = [];
  for (const name of first.split(',').filter((part) => part !== '')) {
    const members = name === 'all' ? await kinds.byCategory(name) : [await kinds.byName(name)];
    listed.push(...members);
  }
  return listed.map((kind) => ({ kind, names: names.length === 0 ? undefined : names }));
}

async function parseSlashed(args: readonly string[], kinds: KindTable): Promise<Target[]> {
  const targets: Target[] = [];
  for (const arg of args) {
    const [type = '', name = '', ...more] = arg.split('/');
    if (!arg.includes('/'))
      throw usageError(
        "there is no need to specify a resource type as a separate argument when passing arguments in resource/name form (e.g. 'kubectl get resource/<resource_name>' instead of 'kubectl get resource resource/<resource_name>'",
      );
    if (type === '' || name === '' || more.length > 0)
      throw usageError(`arguments in resource/name form may not have more than one slash`);
    targets.push({ kind: await kinds.byName(type), names: [name] });
  }
  return targets;
}

/** One object, of `fallback`'s kind when only a name stands there. */
export async function parseOne(
  args: readonly string[],
  kinds: KindTable,
  fallback?: string,
): Promise<{ readonly kind: KindInfo; readonly name: string }> {
  const [first = '', second] = args;
  const bare = fallback !== undefined && args.length === 1 && !first.includes('/');
  const [target] = await parseTargets(
    bare ? [fallback, first] : second === undefined ? [first] : [first, second],
    kinds,
  );
  const name = target?.names?.[0];
  if (target === undefined || name === undefined) throw usageError('required resource not specified');
  return { kind: target.kind, name };
}
