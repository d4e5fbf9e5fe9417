import type { Pod } from '../../api/generated/core-v1.ts';
import { pods } from '../../api/generated/resources.ts';
import type { Logger } from '../../base/logger.ts';
import type { ApiClient } from '../../client/client.ts';

export interface NominationWriterOptions {
  readonly client: Pick<ApiClient, 'patch'>;
  readonly logger: Logger;
}

/** Writes a pod's `status.nominatedNodeName`, or takes it away. Never rejects: it is for those who look on. */
export const nominationWriter =
  ({ client, logger }: NominationWriterOptions) =>
  async ({ metadata }: Pod, nodeName: string): Promise<void> => {
    const status = { nominatedNodeName: nodeName === '' ? null : nodeName };
    const body = { metadata: { uid: metadata.uid }, status };
    try {
      await client.patch(pods, metadata, { type: 'merge', body }, { subresource: 'status' });
    } catch (error) {
      // The binding goes on without it, and takes it away in any case.
      logger.debug({ err: error, pod: metadata.name }, 'write the nominated node');
    }
  };
