/**
 * What a machine learns of a cluster before it can trust anything: the ConfigMap `kube-public/cluster-info`, a kubeconfig with the
 * authority and the server, signed with the secret of each bootstrap token.
 * @see https://kubernetes.io/docs/reference/access-authn-authz/bootstrap-tokens/#configmap-signing
 */
import { createHash, createHmac, timingSafeEqual, X509Certificate } from 'node:crypto';
import { messageOf } from '../base/invariant.ts';

export const clusterInfoNamespace = 'kube-public';
export const clusterInfoName = 'cluster-info';
/** Key of the kubeconfig in the ConfigMap. */
export const clusterInfoKey = 'kubeconfig';
/** Followed by a token's id: key of the signature made with its secret. */
export const signaturePrefix = 'jws-kubeconfig-';

/** `<id>.<secret>` in two. */
export interface BootstrapToken {
  readonly id: string;
  readonly secret: string;
}

const tokenPattern = /^([a-z0-9]{6})\.([a-z0-9]{16})$/;

/** Undefined when the text is no bootstrap token. */
export function parseBootstrapToken(text: string): BootstrapToken | undefined {
  const [, id, secret] = tokenPattern.exec(text) ?? [];
  return id === undefined || secret === undefined ? undefined : { id, secret };
}

/** A JWS (HS256) over `text` without the text itself. @see RFC 7515, appendix F */
export function signDetached(text: string, { id, secret }: BootstrapToken): string {
  const header = Buffer.from(JSON.stringify({ alg: 'HS256', kid: id })).toString('base64url');
  const payload = Buffer.from(text).toString('base64url');
  const signature = createHmac('sha256', secret).update(`${header}.${payload}`).digest('base64url');
  return `${header}..${signature}`;
}

/** Whether `signature` is one over `text` by this token. */
export function isSignedWith(token: BootstrapToken, text: string, signature: string): boolean {
  const [expected, given] = [Buffer.from(signDetached(text, token)), Buffer.from(signature)];
  return expected.length === given.length && timingSafeEqual(expected, given);
}

/** What kubeadm pins: SHA-256 of the certificate's SubjectPublicKeyInfo, which a renewed certificate of the same key keeps. */
export function publicKeyHash(certificatePem: string): string {
  const spki = new X509Certificate(certificatePem).publicKey.export({ type: 'spki', format: 'der' });
  return `sha256:${createHash('sha256').update(spki).digest('hex')}`;
}

/** What `cluster-info` says, or that it says nothing that one can use. */
export class ClusterInfoError extends Error {
  readonly code = 'CLUSTER_INFO';
}

export interface ClusterInfo {
  /** `https://host:port` */
  readonly server: string;
  readonly caPem: string;
}

interface KubeconfigClusters {
  readonly clusters?: readonly {
    readonly cluster?: { readonly server?: string; readonly 'certificate-authority-data'?: string };
  }[];
}

/** Reads the kubeconfig of `cluster-info`, JSON or YAML. @throws ClusterInfoError */
export async function parseClusterInfo(kubeconfig: string): Promise<ClusterInfo> {
  const { clusters } = await parseText(kubeconfig);
  const cluster = clusters?.[0]?.cluster;
  const data = cluster?.['certificate-authority-data'];
  if (cluster?.server === undefined || data === undefined)
    throw new ClusterInfoError('cluster-info names no server or no authority');
  const caPem = Buffer.from(data, 'base64').toString();
  try {
    new X509Certificate(caPem);
  } catch (cause) {
    throw new ClusterInfoError('the authority in cluster-info is no certificate', { cause });
  }
  return { server: cluster.server, caPem };
}

async function parseText(text: string): Promise<KubeconfigClusters> {
  try {
    if (text.trimStart().startsWith('{')) return JSON.parse(text) as KubeconfigClusters;
    const { parse } = await import('yaml');
    const parsed: KubeconfigClusters | null = parse(text);
    return parsed ?? {};
  } catch (cause) {
    throw new ClusterInfoError(`cluster-info is no kubeconfig: ${messageOf(cause)}`, { cause });
  }
}

/** The kubeconfig to publish: the server and its authority, nobody's credentials. */
export function clusterInfoKubeconfig({ server, caPem }: ClusterInfo): string {
  const data = Buffer.from(caPem).toString('base64');
  const config = {
    apiVersion: 'v1',
    kind: 'Config',
    clusters: [{ name: '', cluster: { 'certificate-authority-data': data, server } }],
    contexts: null,
    'current-context': '',
    preferences: {},
    users: null,
  };
  return `${JSON.stringify(config)}\n`;
}
