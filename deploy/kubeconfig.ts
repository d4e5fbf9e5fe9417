import type { KeyPair } from './pki.ts';

/** A kubeconfig with one cluster and one user, certificates inline. @see https://kubernetes.io/docs/reference/config-api/kubeconfig.v1/ */
export function kubeconfigOf(options: {
  cluster: string;
  user: string;
  server: string;
  caPem: string;
  pair: KeyPair;
}): string {
  const { cluster, user } = options;
  const encode = (text: string): string => Buffer.from(text).toString('base64');
  const config = {
    apiVersion: 'v1',
    kind: 'Config',
    'current-context': cluster,
    clusters: [
      {
        name: cluster,
        cluster: { server: options.server, 'certificate-authority-data': encode(options.caPem) },
      },
    ],
    users: [
      {
        name: user,
        user: {
          'client-certificate-data': encode(options.pair.cert),
          'client-key-data': encode(options.pair.key),
        },
      },
    ],
    contexts: [{ name: cluster, context: { cluster, user } }],
  };
  return `${JSON.stringify(config, undefined, 2)}\n`;
}
