import { readFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { systemClock } from '../base/clock.ts';
import { createLogger } from '../base/logger.ts';
import { runProgram } from '../base/process.ts';
import { systemRandom } from '../base/random.ts';
import { fencedClient } from '../client/fenced-client.ts';
import { runWithClient } from '../client/followed-client.ts';
import { LeaderElector } from '../client/leader-elector.ts';
import type { ControllerSettings } from './context.ts';
import { Flags } from './flags.ts';
import { runControllers } from './program.ts';

const flags = new Flags('controllers', {
  kubeconfig: undefined,
  'leader-elect': 'true',
  'leader-elect-identity': `${hostname()}_${process.pid}`,
  'cluster-cidr': '10.244.0.0/16',
  'node-cidr-mask-size': '24',
  'service-cluster-ip-range': '10.96.0.0/12',
  'root-ca-file': undefined,
  'cluster-signing-cert-file': undefined,
  'cluster-signing-key-file': undefined,
  'cluster-signing-duration': '2160h',
  'beat-key-file': undefined,
});
const kubeconfig = flags.required('kubeconfig');
const leaderElect = flags.boolean('leader-elect');
const identity = flags.required('leader-elect-identity');
const clusterCidr = flags.required('cluster-cidr');
const nodeCidrMaskSize = flags.integer('node-cidr-mask-size', 8, 30);
const rootCaFile = flags.optional('root-ca-file');
const signingCertFile = flags.optional('cluster-signing-cert-file');
const signingKeyFile = flags.optional('cluster-signing-key-file');
const beatKeyFile = flags.optional('beat-key-file');
const signingHours = flags.hours('cluster-signing-duration');

const logger = createLogger({ component: 'controllers' });

await runProgram(logger, async (signal) => {
  const common = { clock: systemClock, random: systemRandom, logger };
  const settings: ControllerSettings = {
    clusterCidr,
    nodeCidrMaskSize,
    rootCa: rootCaFile === undefined ? undefined : readFileSync(rootCaFile, 'utf8'),
    signing:
      signingCertFile === undefined || signingKeyFile === undefined
        ? undefined
        : {
            certPem: readFileSync(signingCertFile, 'utf8'),
            keyPem: readFileSync(signingKeyFile, 'utf8'),
            durationSeconds: signingHours * 3600,
          },
    beatKey:
      beatKeyFile === undefined ? undefined : Buffer.from(readFileSync(beatKeyFile, 'utf8').trim(), 'hex'),
  };
  const access = { ...common, kubeconfig, userAgent: 'coracle-controllers' };
  await runWithClient(access, signal, async (client, until) => {
    if (!leaderElect) return runControllers({ ...common, client, settings }, until);
    const elector = new LeaderElector({ ...common, client, name: 'kube-controller-manager', identity });
    const fenced = fencedClient(client, elector);
    await elector.runAsLeader(until, (leading) =>
      runControllers({ ...common, client: fenced, settings }, leading),
    );
  });
});
