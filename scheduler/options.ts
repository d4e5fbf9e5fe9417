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
  /** A KubeSchedulerConfiguration file. */
  readonly config: string | undefined;
  /** Of `/metrics`, `/healthz`, `/readyz`; 0 serves none. */
  readonly metricsPort: number;
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
    config: values.config,
    metricsPort: toPort(values['metrics-port']),
  };
}

function toPort(text: string): number {
  const port = Number(text);
  if (!/^[0-9]+$/.test(text) || port > 65_535)
    throw new UsageError(`--metrics-port is a port number, not "${text}"`);
  return port;
}

interface RawFlags {
  readonly kubeconfig?: string;
  readonly 'leader-elect': string;
  readonly 'leader-elect-identity'?: string;
  readonly strategy: string;
  readonly 'log-level': string;
  readonly config?: string;
  readonly 'metrics-port': string;
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
        config: { type: 'string' },
        'metrics-port': { type: 'string', default: '0' },
      },
    }).values;
  } catch (error) {
    throw new UsageError(messageOf(error), { cause: error });
  }
}
