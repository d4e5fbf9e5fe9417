import type { Pod } from '../../api/generated/core-v1.ts';
import { pods } from '../../api/generated/resources.ts';
import { isNotFound } from '../../api/status-error.ts';
import type { ApiClient } from '../../client/client.ts';
import { trackingFinalizer } from './job-pods.ts';

/** Lets go of a pod whose end stands in the Job's status. */
export async function removeTrackingFinalizer(client: ApiClient, pod: Pod): Promise<void> {
  const metadata = { uid: pod.metadata.uid, '$deleteFromPrimitiveList/finalizers': [trackingFinalizer] };
  try {
    await client.patch(pods, pod.metadata, { type: 'strategic', body: { metadata } });
  } catch (error) {
    // Gone by now: nothing holds it.
    if (!isNotFound(error)) throw error;
  }
}
