/** Who is who in the cluster: the certificates, keys and kubeconfigs that each process is started with. */
import { createPublicKey, generateKeyPair } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { deriveBeatKey } from '../base/beat.ts';
import { secretHex } from '../base/random.ts';
import { certificateFiles } from '../node-agent/certificates/node-certificates.ts';
import { ensureHollowIdentities } from './hollow-identities.ts';
import { hollowProcesses } from './hollow-processes.ts';
import { kubeconfigOf, nodeKubeconfigOf } from './kubeconfig.ts';
import type { Layout } from './layout.ts';
import { CertificateAuthority, writeSecret } from './pki.ts';
import type { ClusterSettings } from './settings.ts';
import { serverAddress } from './underlay.ts';

/** First address of the service range: the `kubernetes` service. */
function firstServiceAddress(cidr: string): string {
  const octets = (cidr.split('/')[0] ?? '').split('.').map(Number);
  octets[3] = (octets[3] ?? 0) + 1;
  return octets.join('.');
}

const programs: Readonly<
  Record<string, { readonly commonName: string; readonly organizations?: readonly string[] }>
> = {
  scheduler: { commonName: 'system:kube-scheduler' },
  controllers: { commonName: 'system:kube-controller-manager' },
  detector: { commonName: 'coracle:detector' },
};

/** Everything the servers need, in `pki/`; what exists is kept. */
export async function createIdentities(
  layout: Layout,
  settings: ClusterSettings,
  underlay: string | undefined,
  options: { readonly renewAll?: boolean } = {},
): Promise<CertificateAuthority> {
  const { pki } = layout;
  const ca = await CertificateAuthority.open(pki, options);
  const server = `https://127.0.0.1:${settings.port}`;
  const address = serverAddress(settings, underlay);
  const serving = [
    '127.0.0.1',
    'localhost',
    firstServiceAddress(settings.serviceCidr),
    ...(address === undefined ? [] : [address]),
  ];
  const kubernetes = [
    'kubernetes',
    'kubernetes.default',
    'kubernetes.default.svc',
    'kubernetes.default.svc.cluster.local',
  ];
  const [admin] = await Promise.all([
    ca.ensure(pki, 'admin', { commonName: 'kubernetes-admin', organizations: ['system:masters'] }),
    ca.ensure(pki, 'apiserver', { commonName: 'kube-apiserver', hosts: [...serving, ...kubernetes] }),
    ca.ensure(pki, 'apiserver-kubelet-client', { commonName: 'kube-apiserver-kubelet-client' }),
    ensureFrontProxy(pki, options),
    // Towards API servers, who ask it for placements.
    ca.ensure(pki, 'scheduler-server', {
      commonName: 'kube-scheduler',
      hosts: ['kube-scheduler.kube-system.svc'],
    }),
    ca.ensure(pki, 'etcd', { commonName: 'etcd', hosts: ['127.0.0.1', 'localhost'] }),
    ca.ensure(pki, 'apiserver-etcd-client', { commonName: 'kube-apiserver-etcd-client' }),
    ensureServiceAccountKey(pki, settings),
    ...Object.entries(programs).map(async ([name, identity]) => {
      const pair = await ca.ensure(pki, name, identity);
      await writeSecret(
        join(pki, `${name}.kubeconfig`),
        kubeconfigOf({ cluster: layout.name, user: identity.commonName, server, caPem: ca.certPem, pair }),
      );
    }),
    ...hollowProcesses(settings.hollow).map((nodes) =>
      ensureHollowIdentities({ layout, server, authority: ca }, nodes, options),
    ),
  ]);
  await writeSecret(
    layout.kubeconfig,
    kubeconfigOf({ cluster: layout.name, user: 'kubernetes-admin', server, caPem: ca.certPem, pair: admin }),
  );
  if (!existsSync(join(pki, 'beat.key'))) await writeSecret(join(pki, 'beat.key'), secretHex(32));
  if (!existsSync(encryptionFile(layout))) await writeSecret(encryptionFile(layout), firstEncryptionKey());
  return ca;
}

/**
 * Proxies in front of an API server have an authority of their own: what it signs speaks for anybody, so nothing else may. API servers are
 * such proxies towards the scheduler, which answers nobody else.
 */
async function ensureFrontProxy(pki: string, options: { readonly renewAll?: boolean }): Promise<void> {
  const directory = join(pki, frontProxyDirectory);
  const authority = await CertificateAuthority.open(directory, {
    ...options,
    name: 'coracle-front-proxy-ca',
  });
  await authority.ensure(directory, frontProxyName, { commonName: frontProxyName });
}

/** Below `pki/`. */
export const frontProxyDirectory = 'front-proxy';
export const frontProxyName = 'front-proxy-client';

/** An EncryptionConfiguration; who rotates keys edits it. */
export const encryptionFile = (layout: Layout): string => join(layout.pki, 'encryption.json');

/** Secrets are encrypted from the first one on. `identity` reads those of a store from before. */
function firstEncryptionKey(): string {
  const key = { name: 'key-1', secret: Buffer.from(secretHex(32), 'hex').toString('base64') };
  const configuration = {
    apiVersion: 'apiserver.config.k8s.io/v1',
    kind: 'EncryptionConfiguration',
    resources: [{ resources: ['secrets'], providers: [{ aesgcm: { keys: [key] } }, { identity: {} }] }],
  };
  return `${JSON.stringify(configuration, undefined, 2)}\n`;
}

/**
 * On P-256 where pods run: each of them gets tokens, and an RSA signature costs the server five times as much. A server
 * alone signs as Kubernetes' own does where nobody chooses: RS256. A key that is there stays.
 */
async function ensureServiceAccountKey(pki: string, { only, hollow }: ClusterSettings): Promise<void> {
  if (existsSync(join(pki, 'sa.key'))) return;
  const runsPods = only.includes('hosts') || hollow > 0;
  const { privateKey } = runsPods
    ? await promisify(generateKeyPair)('ec', { namedCurve: 'P-256' })
    : await promisify(generateKeyPair)('rsa', { modulusLength: 2048 });
  const pem = privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();
  await writeFile(join(pki, 'sa.pub'), createPublicKey(pem).export({ type: 'spki', format: 'pem' }));
  await writeSecret(join(pki, 'sa.key'), pem);
}

/**
 * The identity of a host of this machine, in the host's directory: nothing of it is good for another node. The machine holds the authority, so
 * it signs without asking anybody; what a joining machine makes and orders itself lies there in the same form.
 */
export async function createNodeIdentity(
  layout: Layout,
  node: { name: string; address: string; server: string; directory: string },
  authority?: CertificateAuthority,
): Promise<void> {
  const { name, address, server, directory } = node;
  const ca = authority ?? (await CertificateAuthority.open(layout.pki));
  const file = (of: keyof typeof certificateFiles): string => join(directory, certificateFiles[of]);
  const subject = { commonName: `system:node:${name}`, organizations: ['system:nodes'] };
  await Promise.all([
    ca.ensureForNode(file('client'), subject),
    ca.ensureForNode(file('serving'), { ...subject, hosts: [address, name] }),
    writeSecret(file('authority'), ca.certPem),
    writeSecret(beatKeyFile(directory), deriveBeatKey(clusterBeatKey(layout), name).toString('hex')),
    writeSecret(
      kubeconfigFile(directory),
      nodeKubeconfigOf({ cluster: layout.name, nodeName: name, server }),
    ),
  ]);
}

const clusterBeatKey = (layout: Layout): Buffer =>
  Buffer.from(readFileSync(join(layout.pki, 'beat.key'), 'utf8').trim(), 'hex');

export const beatKeyFile = (directory: string): string => join(directory, 'beat.key');
export const kubeconfigFile = (directory: string): string => join(directory, 'kubeconfig');
