import type { Secret } from '../../api/generated/core-v1.ts';
import { clusterInfoKey, signaturePrefix, signDetached } from '../../client/cluster-info.ts';
import { signingTokenOf } from './token-secret.ts';

type Data = Readonly<Record<string, string>>;

/**
 * Pure: what `cluster-info` is to hold, one signature for each token that signs and none beside; undefined when it holds that already.
 */
export function planSignatures(
  data: Data,
  tokens: readonly Secret[],
  nowMs: number,
): Record<string, string> | undefined {
  const kubeconfig = data[clusterInfoKey];
  const kept = Object.entries(data).filter(([key]) => !key.startsWith(signaturePrefix));
  const signatures = tokens.flatMap((secret) => {
    const token = signingTokenOf(secret, nowMs);
    if (token === undefined || kubeconfig === undefined) return [];
    return [[`${signaturePrefix}${token.id}`, signDetached(kubeconfig, token)] as const];
  });
  const next = Object.fromEntries([...kept, ...signatures]);
  const isSame =
    Object.keys(next).length === Object.keys(data).length &&
    Object.entries(next).every(([key, value]) => data[key] === value);
  return isSame ? undefined : next;
}
