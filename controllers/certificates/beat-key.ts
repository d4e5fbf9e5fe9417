import type { CertificateSigningRequest } from '../../api/generated/certificates-v1.ts';
import type { Secret } from '../../api/generated/core-v1.ts';
import { secrets } from '../../api/generated/resources.ts';
import type { NewObject } from '../../api/kind-info.ts';
import { isAlreadyExists, isNotFound } from '../../api/status-error.ts';
import { deriveBeatKey } from '../../base/beat.ts';
import type { ApiClient } from '../../client/client.ts';

/** Where only the node itself may read it: the Node authorizer knows these names. */
const namespace = 'kube-node-lease';
const nameFor = (node: string): string => `beat-key-${node}`;

/**
 * Lays the heartbeat key of a new node where it finds it with its certificate. The Secret belongs to the request and goes with it, an hour
 * later at most. The key is derived from the cluster's: whoever has one node's can beat for no other.
 */
export async function layBeatKey(
  client: ApiClient,
  request: CertificateSigningRequest,
  { node, clusterKey }: { readonly node: string; readonly clusterKey: Buffer },
): Promise<void> {
  const { name: requestName, uid } = request.metadata;
  const secret: NewObject<Secret> = {
    apiVersion: 'v1',
    kind: 'Secret',
    metadata: {
      name: nameFor(node),
      namespace,
      ownerReferences: [
        {
          apiVersion: 'certificates.k8s.io/v1',
          kind: 'CertificateSigningRequest',
          name: requestName,
          uid,
        },
      ],
    },
    type: 'coracle.dev/beat-key',
    data: {
      'beat.key': Buffer.from(deriveBeatKey(clusterKey, node).toString('hex')).toString('base64'),
    },
  };
  try {
    await client.create(secrets, secret);
  } catch (error) {
    if (!isAlreadyExists(error)) throw error;
    // Of an earlier request for this name, which may go at any time.
    await client.delete(secrets, { namespace, name: nameFor(node) }).catch((cause: unknown) => {
      if (!isNotFound(cause)) throw cause;
    });
    await client.create(secrets, secret);
  }
}
