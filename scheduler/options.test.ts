import { describe, expect, it } from 'vitest';
import { parseSchedulerFlags } from './options.ts';

describe('scheduler flags', () => {
  it('have defaults', () => {
    expect(parseSchedulerFlags(['--kubeconfig', 'k'])).toEqual({
      kubeconfig: 'k',
      leaderElect: true,
      leaderElectIdentity: undefined,
      strategy: 'least-loaded',
      placement: undefined,
      rebalance: 'advise',
      logLevel: 'info',
      config: undefined,
      metricsPort: 0,
    });
  });

  it('take --leader-elect alone and with a value', () => {
    expect(parseSchedulerFlags(['--leader-elect', '--kubeconfig=k']).leaderElect).toBe(true);
    expect(parseSchedulerFlags(['--kubeconfig=k', '--leader-elect=false']).leaderElect).toBe(false);
  });

  it.each([
    [['--nonsense'], /nonsense/],
    [[], /--kubeconfig is required/],
    [
      ['--kubeconfig=k', '--strategy=best'],
      /--strategy is one of least-loaded, round-robin, random, not "best"/,
    ],
    [['--kubeconfig=k', '--leader-elect=perhaps'], /true or false/],
  ])('refuse %j', (args, message) => {
    expect(() => parseSchedulerFlags(args)).toThrow(message);
  });
});
