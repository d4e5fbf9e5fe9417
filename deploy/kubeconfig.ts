import { certificateFiles } from '../node-agent/certificates/node-certificates.ts';
import type { KeyPair } from './pki.ts';

/** A kubeconfig with one cluster and one user, certificates inline. @see https://kubernetes.io/docs/reference/config-api/kubeconfig.v1/ */
export function kubeconfigOf(options: {
  cluster: string;
  user: string;
  server: string;
  caPem: string;
  pair: KeyPair;
}): string {
  const encode = (text: string): string => Buffer.from(text).toString('base64');
  return render(options, {
    cluster: { 'certificate-authority-data': encode(options.caPem) },
    user: {
      'client-certificate-data': encode(options.pair.cert),
      'client-key-data': encode(options.pair.key),
    },
  });
}

/** A node's: it names the files beside it, which the node renews. */
export function nodeKubeconfigOf(options: { cluster: string; nodeName: string; server: string }): string {
  const { cluster, nodeName, server } = options;
  const { authority, client } = certificateFiles;
  return render(
    { cluster, user: `system:node:${nodeName}`, server },
    {
      cluster: { 'certificate-authority': authority },
      user: { 'client-certificate': client, 'client-key': client },
    },
  );
}

function render(
  { cluster, user, server }: { cluster: string; user: string; server: string },
  trust: { cluster: object; user: object },
): string {
  const config = {
    apiVersion: 'v1',
    kind: 'Config',
    'current-context': cluster,
    clusters: [{ name: cluster, cluster: { server, ...trust.cluster } }],
    users: [{ name: user, user: trust.user }],
    contexts: [{ name: cluster, context: { cluster, user } }],
  };
  return `${JSON.stringify(config, undefined, 2)}\n`;
}
