import { describe, expect, it } from 'vitest';
import { FlagError, parseAgentFlags } from './agent-flags.ts';

const required = [
  '--kubeconfig=/k',
  '--node-ip=10.0.0.1',
  '--tls-cert-file=/c',
  '--tls-private-key-file=/p',
  '--client-ca-file=/a',
];
const parse = (...more: string[]) => parseAgentFlags([...required, ...more]);

describe('flags of the agent', () => {
  it('have the defaults of the kubelet', () => {
    expect(parse()).toMatchObject({
      port: 10_250,
      clusterDns: ['10.96.0.10'],
      logLimits: { maxBytes: 10 * 1024 * 1024, maxFiles: 5, periodMs: 10_000 },
      imageThresholds: { highPercent: 85, lowPercent: 80 },
    });
  });

  it('take sizes as quantities, lists and labels', () => {
    const flags = parse(
      '--container-log-max-size=64Ki',
      '--cluster-dns=1.1.1.1,2.2.2.2',
      '--node-labels=a=b=c',
    );
    expect(flags.logLimits.maxBytes).toBe(65_536);
    expect(flags.clusterDns).toEqual(['1.1.1.1', '2.2.2.2']);
    expect(flags.nodeLabels).toEqual({ a: 'b=c' });
  });

  it.each([
    ['--container-log-max-size=big', '--container-log-max-size: '],
    ['--container-log-max-size=0', '--container-log-max-size: 0 is not a positive size'],
    ['--container-log-max-files=1', '--container-log-max-files: 1 is not a number from 2 to 1000'],
    [
      '--container-log-monitor-interval=0s',
      '--container-log-monitor-interval: 0s is not a number of seconds, like 10s',
    ],
    ['--image-gc-low-threshold=90', '--image-gc-low-threshold: must be lower than'],
    ['--port=x', '--port: x is not a port'],
    ['--node-labels=a', '--node-labels: a is not KEY=VALUE'],
    ['--nothing', "Unknown option '--nothing'"],
  ])('refuse %s in one line', (flag, message) => {
    expect(() => parse(flag)).toThrow(FlagError);
    expect(() => parse(flag)).toThrow(message);
  });
});
