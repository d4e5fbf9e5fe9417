import { clusterrolebindings } from '../../api/generated/resources.ts';
import type { ApiClient } from '../../client/client.ts';

const apiGroup = 'rbac.authorization.k8s.io';

/** Gives `user` the rights of the ClusterRole `role` everywhere. */
export async function bindEverywhere(
  client: ApiClient,
  { name, user, role }: { readonly name: string; readonly user: string; readonly role: string },
): Promise<void> {
  await client.create(clusterrolebindings, {
    ...{ apiVersion: `${apiGroup}/v1`, kind: 'ClusterRoleBinding', metadata: { name } },
    subjects: [{ kind: 'User', name: user, apiGroup }],
    roleRef: { kind: 'ClusterRole', name: role, apiGroup },
  });
}
