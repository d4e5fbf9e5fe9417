import { parseArgs } from 'node:util';
import { messageOf } from '../base/invariant.ts';
import type { PlacementServerFlags } from './answers/placement-server.ts';
import { type RebalanceMode, rebalanceModes } from './rebalance/mode.ts';
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
  /** Of the built-in profiles; a configured one can say otherwise. */
  readonly rebalance: RebalanceMode;
  readonly logLevel: string;
  /** A KubeSchedulerConfiguration file. */
  readonly config: string | undefined;
  /** Of `/metrics`, `/healthz`, `/readyz`; 0 serves none. */
  readonly metricsPort: number;
  /** Where questions about placements are answered; undefined without `--tls-cert-file`. */
  readonly placement: PlacementServerFlags | undefined;
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
  const rebalance = rebalanceModes.find((mode) => mode === values.rebalance);
  if (rebalance === undefined)
    throw new UsageError(`--rebalance is one of ${rebalanceModes.join(', ')}, not "${values.rebalance}"`);
  const logLevel = values['log-level'];
  if (!logLevels.includes(logLevel))
    throw new UsageError(`--log-level is one of ${logLevels.join(', ')}, not "${logLevel}"`);
  return {
    kubeconfig: values.kubeconfig,
    leaderElect: leaderElect === 'true',
    leaderElectIdentity: values['leader-elect-identity'],
    strategy,
    rebalance,
    logLevel,
    config: values.config,
    metricsPort: toPort('--metrics-port', values['metrics-port']),
    placement: toPlacementFlags(values),
  };
}

function toPlacementFlags(values: RawFlags): PlacementServerFlags | undefined {
  const files = ['tls-cert-file', 'tls-private-key-file', 'client-ca-file'] as const;
  const given = files.filter((flag) => values[flag] !== undefined);
  if (given.length === 0) return undefined;
  const missing = files.find((flag) => values[flag] === undefined);
  if (missing !== undefined) throw new UsageError(`--${given[0]} needs --${missing}`);
  return {
    bindAddress: values['bind-address'],
    port: toPort('--secure-port', values['secure-port']),
    certFile: values['tls-cert-file'] ?? '',
    keyFile: values['tls-private-key-file'] ?? '',
    clientCaFile: values['client-ca-file'] ?? '',
    allowedNames: values['requestheader-allowed-names'].split(',').map((name) => name.trim()),
  };
}

function toPort(flag: string, text: string): number {
  const port = Number(text);
  if (!/^[0-9]+$/.test(text) || port > 65_535)
    throw new UsageError(`${flag} is a port number, not "${text}"`);
  return port;
}

interface RawFlags {
  readonly kubeconfig?: string;
  readonly 'leader-elect': string;
  readonly 'leader-elect-identity'?: string;
  readonly strategy: string;
  readonly rebalance: string;
  readonly 'log-level': string;
  readonly config?: string;
  readonly 'metrics-port': string;
  readonly 'bind-address': string;
  readonly 'secure-port': string;
  readonly 'tls-cert-file'?: string;
  readonly 'tls-private-key-file'?: string;
  readonly 'client-ca-file'?: string;
  readonly 'requestheader-allowed-names': string;
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
        rebalance: { type: 'string', default: 'advise' },
        'log-level': { type: 'string', default: 'info' },
        config: { type: 'string' },
        'metrics-port': { type: 'string', default: '0' },
        'bind-address': { type: 'string', default: '127.0.0.1' },
        'secure-port': { type: 'string', default: '10259' },
        'tls-cert-file': { type: 'string' },
        'tls-private-key-file': { type: 'string' },
        'client-ca-file': { type: 'string' },
        'requestheader-allowed-names': { type: 'string', default: 'front-proxy-client' },
      },
    }).values;
  } catch (error) {
    throw new UsageError(messageOf(error), { cause: error });
  }
}
