import { serviceaccounts } from '../../api/generated/resources.ts';
import { isAlreadyExists } from '../../api/status-error.ts';
import type { ApiClient } from '../../client/client.ts';

/** The account without which no pod is admitted to `namespace`; where controllers run, they make it. */
export async function ensureServiceAccount(client: ApiClient, namespace = 'default'): Promise<void> {
  try {
    const metadata = { name: 'default', namespace };
    await client.create(serviceaccounts, { apiVersion: 'v1', kind: 'ServiceAccount', metadata });
  } catch (error) {
    // It may be there: made by another part, or before a restart.
    if (!isAlreadyExists(error)) throw error;
  }
}
