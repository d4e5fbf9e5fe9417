import { readFileSync } from 'node:fs';
import type { Clock } from '../../base/clock.ts';
import type { Logger } from '../../base/logger.ts';
import type { Random } from '../../base/random.ts';
import { Auditor } from './auditor.ts';
import { defaultAuditPolicy, parseAuditPolicy } from './policy.ts';
import { RotatingFile } from './rotating-file.ts';

export interface AuditFlags {
  /** Nothing is audited without it. */
  readonly logPath: string | undefined;
  readonly policyFile: string | undefined;
  readonly maxSizeMegabytes: number;
  readonly maxBackups: number;
  readonly maxAgeDays: number;
}

/** @throws AuditPolicyError, or what reading the policy threw */
export function createAuditor(
  flags: AuditFlags,
  parts: { readonly clock: Clock; readonly random: Random; readonly logger: Logger },
): Auditor | undefined {
  const { logPath, policyFile } = flags;
  if (logPath === undefined) return undefined;
  const policy =
    policyFile === undefined ? defaultAuditPolicy : parseAuditPolicy(readFileSync(policyFile, 'utf8'));
  const file = new RotatingFile({
    ...{ path: logPath, clock: parts.clock, logger: parts.logger },
    maxBytes: flags.maxSizeMegabytes * 1024 * 1024,
    maxBackups: flags.maxBackups,
    maxAgeDays: flags.maxAgeDays,
  });
  return new Auditor({ policy, file, clock: parts.clock, random: parts.random });
}
