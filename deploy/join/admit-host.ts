/** A simulated host that is added joins by the way that every machine goes: with a token, and a key that only it has. */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { secrets } from '../../api/generated/resources.ts';
import { systemClock, toTime } from '../../base/clock.ts';
import { secretHex } from '../../base/random.ts';
import type { ApiClient } from '../../client/client.ts';
import { type BootstrapToken, publicKeyHash } from '../../client/cluster-info.ts';
import { certificateFiles } from '../../node-agent/certificates/node-certificates.ts';
import { connect } from '../api.ts';
import type { Layout } from '../layout.ts';
import type { StoredCluster } from '../settings.ts';
import { hostDirectory, type SimulatedHost } from '../simulated-host.ts';
import { serverAddress } from '../underlay.ts';
import { discover } from './discovery.ts';
import { acquireIdentity } from './identity.ts';

const deadlineMs = 60_000;
/** Should this process die before it takes its token back. */
const tokenLifeMs = 600_000;
const tokenNamespace = 'kube-system';

export function hasIdentity(layout: Layout, { name }: SimulatedHost): boolean {
  return existsSync(join(hostDirectory(layout, name), certificateFiles.client));
}

/** The identity then lies in the host's directory. @throws UserError */
export async function admitHost(layout: Layout, cluster: StoredCluster, host: SimulatedHost): Promise<void> {
  const { settings, choices } = cluster;
  const clock = systemClock;
  const server = `${serverAddress(settings, choices.underlay) ?? '127.0.0.1'}:${settings.port}`;
  const caHash = publicKeyHash(readFileSync(join(layout.pki, 'ca.crt'), 'utf8'));
  const signal = AbortSignal.timeout(deadlineMs);
  const client = await connect(layout);
  const token = { id: secretHex(3), secret: secretHex(8) };
  try {
    await createToken(client, token);
    const info = await discover({ server, token, caHash, clock }, signal);
    const directory = hostDirectory(layout, host.name);
    const identity = { cluster: layout.name, nodeName: host.name, directory, info, clock };
    await acquireIdentity({ ...identity, token: `${token.id}.${token.secret}` }, signal);
  } finally {
    await client
      .delete(secrets, { namespace: tokenNamespace, name: `bootstrap-token-${token.id}` })
      .catch(() => undefined); // It ends by itself.
    client.close();
  }
}

async function createToken(client: ApiClient, { id, secret }: BootstrapToken): Promise<void> {
  const text = {
    'token-id': id,
    'token-secret': secret,
    expiration: toTime(systemClock.nowMs() + tokenLifeMs),
    'usage-bootstrap-signing': 'true',
    'usage-bootstrap-authentication': 'true',
    description: 'made by deploy/host add',
    'auth-extra-groups': 'system:bootstrappers:kubeadm:default-node-token',
  };
  const data = Object.fromEntries(
    Object.entries(text).map(([key, value]) => [key, Buffer.from(value).toString('base64')]),
  );
  await client.create(secrets, {
    apiVersion: 'v1',
    kind: 'Secret',
    metadata: { name: `bootstrap-token-${id}`, namespace: tokenNamespace },
    type: 'bootstrap.kubernetes.io/token',
    data,
  });
}
