import { parseArgs } from 'node:util';
import { messageOf } from '../base/invariant.ts';
import { type StrategyName, strategyNames } from './strategies/registry.ts';

/** A flag is unknown or has a bad value. */
export class UsageError extends Error {
  readonly code = 'USAGE';
}

export interface SchedulerFlags {
  readonly kubeconfig: string;
  readonly leaderElect: boolean;
  readonly leaderElectIdentity: string | undefined;
  readonly strategy: StrategyName;
  readonly logLevel: string;
}

const logLevels = ['debug', 'info', 'warn', 'error'];

/** @throws UsageError */
export function parseSchedulerFlags(args: readonly string[]): SchedulerFlags {
  const values = parse(args);
  if (values.kubeconfig === undefined) throw new UsageError('--kubeconfig is required');
  const leaderElect = values['leader-elect'];
  if (leaderElect !== 'true' && leaderElect !== 'false')
    throw new UsageError(`--leader-elect is true or false, not "${leaderElect}"`);
  const strategy = strategyNames.find((name) => name === values.strategy);
  if (strategy === undefined)
    throw new UsageError(`--strategy is one of ${strategyNames.join(', ')}, not "${values.strategy}"`);
  const logLevel = values['log-level'];
  if (!logLevels.includes(logLevel))
    throw new UsageError(`--log-level is one of ${logLevels.join(', ')}, not "${logLevel}"`);
  return {
    kubeconfig: values.kubeconfig,
    leaderElect: leaderElect === 'true',
    leaderElectIdentity: values['leader-elect-identity'],
    strategy,
    logLevel,
  };
}

interface RawFlags {
  readonly kubeconfig?: string;
  readonly 'leader-elect': string;
  readonly 'leader-elect-identity'?: string;
  readonly strategy: string;
  readonly 'log-level': string;
}

function parse(args: readonly string[]): RawFlags {
  try {
    return parseArgs({
      // As with Go's flags, `--leader-elect` alone means true.
      args: args.map((argument) => (argument === '--leader-elect' ? '--leader-elect=true' : argument)),
      options: {
        kubeconfig: { type: 'string' },
        'leader-elect': { type: 'string', default: 'true' },
        'leader-elect-identity': { type: 'string' },
        strategy: { type: 'string', default: 'least-loaded' },
        'log-level': { type: 'string', default: 'info' },
      },
    }).values;
  } catch (error) {
    throw new UsageError(messageOf(error), { cause: error });
  }
}
