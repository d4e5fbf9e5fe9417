import type { AnyObject, KindInfo } from '../api/kind-info.ts';
import { type DryRun, dryRunSuffix } from './dry-run.ts';
import { qualifiedKind } from './kind-table.ts';
import { objectPrinter } from './printers/objects.ts';
import type { Session } from './session.ts';

/** Says what was done with an object: `deployment.apps/web created`, or the object itself when `-o` asks for it. */
export async function report(
  session: Session,
  kind: KindInfo,
  object: AnyObject,
  done: string,
  dryRun: DryRun,
): Promise<void> {
  const name = `${qualifiedKind(kind)}/${object.metadata.name}`;
  const format = session.flags.text('output') ?? '';
  if (format === '') session.io.out(`${name} ${done}${dryRunSuffix(dryRun)}\n`);
  else session.io.out((await objectPrinter(format, () => name))(object));
}

/** Query of a write. `validate` is kubectl's: strict, warn, ignore, or true and false. */
export function writeQueryOf(
  session: Session,
  dryRun: DryRun,
  fieldManager: string,
): Record<string, string | undefined> {
  const validate = session.flags.text('validate') ?? 'strict';
  const levels: Readonly<Record<string, string>> = {
    true: 'Strict',
    strict: 'Strict',
    warn: 'Warn',
    false: 'Ignore',
    ignore: 'Ignore',
  };
  return {
    dryRun: dryRun === 'server' ? 'All' : undefined,
    fieldManager: session.flags.text('field-manager') ?? fieldManager,
    fieldValidation: levels[validate.toLowerCase()] ?? 'Strict',
  };
}
