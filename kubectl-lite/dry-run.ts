import { usageError } from './cli-error.ts';
import type { Flags } from './flags.ts';

export type DryRun = 'none' | 'client' | 'server';

export function dryRunOf(flags: Flags, io: { err(text: string): void }): DryRun {
  const value = flags.text('dry-run') ?? 'none';
  if (value === 'none' || value === 'client' || value === 'server') return value;
  if (value === 'unchanged' || value === 'true') {
    io.err(`W --dry-run is deprecated and can be replaced with --dry-run=client.\n`);
    return 'client';
  }
  throw usageError(`invalid dry-run value (${value}). Must be "none", "server", or "client".`);
}

/** ` (dry run)`, ` (server dry run)` or nothing, as messages end. */
export function dryRunSuffix(dryRun: DryRun): string {
  return dryRun === 'none' ? '' : dryRun === 'client' ? ' (dry run)' : ' (server dry run)';
}
