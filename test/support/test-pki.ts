import 'reflect-metadata';
import { createPublicKey, generateKeyPairSync } from 'node:crypto';
import { existsSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { kubeconfigOf } from '../../deploy/kubeconfig.ts';
import { CertificateAuthority, type KeyPair, writeSecret } from '../../deploy/pki.ts';

export interface TestPki {
  readonly caPem: string;
  readonly ca: CertificateAuthority;
  readonly admin: KeyPair;
  /** Flags with which the API server uses these files. */
  readonly apiserverFlags: readonly string[];
}

/** Certificates and kubeconfigs for one API server on 127.0.0.1, in `directory`; what exists there is kept. */
export async function createTestPki(options: {
  readonly directory: string;
  readonly port: number;
  readonly nodes: readonly string[];
}): Promise<TestPki> {
  const { directory, port } = options;
  const pki = join(directory, 'pki');
  const ca = await CertificateAuthority.open(pki);
  const admin = { commonName: 'kubernetes-admin', organizations: ['system:masters'] };
  const users = {
    admin,
    scheduler: { commonName: 'system:kube-scheduler' },
    controllers: { commonName: 'system:kube-controller-manager' },
    detector: { commonName: 'coracle:detector' },
    ...Object.fromEntries(
      options.nodes.map((node) => [
        node,
        { commonName: `system:node:${node}`, organizations: ['system:nodes'] },
      ]),
    ),
  };
  const server = `https://127.0.0.1:${port}`;
  for (const [name, identity] of Object.entries(users)) {
    const pair = await ca.ensure(pki, name, identity);
    const config = kubeconfigOf({
      cluster: 'coracle',
      user: identity.commonName,
      server,
      caPem: ca.certPem,
      pair,
    });
    await writeSecret(join(directory, `${name}.kubeconfig`), config);
  }
  await ca.ensure(pki, 'apiserver', { commonName: 'kube-apiserver', hosts: ['127.0.0.1', 'localhost'] });
  await ca.ensure(pki, 'apiserver-kubelet-client', { commonName: 'kube-apiserver-kubelet-client' });
  await ca.ensure(pki, 'front-proxy-client', { commonName: 'front-proxy-client' });
  await ca.ensure(pki, 'scheduler-server', {
    commonName: 'kube-scheduler',
    hosts: ['kube-scheduler.kube-system.svc'],
  });
  await ensureServiceAccountKey(pki);
  return {
    ca,
    caPem: ca.certPem,
    admin: await ca.ensure(pki, 'admin', admin),
    apiserverFlags: flagsFor(pki),
  };
}

async function ensureServiceAccountKey(pki: string): Promise<void> {
  if (existsSync(join(pki, 'sa.key'))) return;
  const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
  const pem = privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();
  await writeSecret(join(pki, 'sa.key'), pem);
  await writeFile(join(pki, 'sa.pub'), createPublicKey(pem).export({ type: 'spki', format: 'pem' }));
}

function flagsFor(pki: string): string[] {
  const file = (name: string): string => join(pki, name);
  return [
    `--tls-cert-file=${file('apiserver.crt')}`,
    `--tls-private-key-file=${file('apiserver.key')}`,
    `--client-ca-file=${file('ca.crt')}`,
    `--service-account-key-file=${file('sa.pub')}`,
    `--service-account-signing-key-file=${file('sa.key')}`,
    `--kubelet-client-certificate=${file('apiserver-kubelet-client.crt')}`,
    `--kubelet-client-key=${file('apiserver-kubelet-client.key')}`,
    `--kubelet-certificate-authority=${file('ca.crt')}`,
    `--proxy-client-cert-file=${file('front-proxy-client.crt')}`,
    `--proxy-client-key-file=${file('front-proxy-client.key')}`,
  ];
}
