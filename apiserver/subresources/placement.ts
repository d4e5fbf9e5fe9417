import type { SubresourceInfo } from '../../api/kind-info.ts';
import { notFound } from '../../api/status-error.ts';
import { objectAnswer } from '../http/answer.ts';
import type { ResourceRequest } from '../http/api-request.ts';
import { negotiate } from '../http/negotiation.ts';
import type { Handled, SubresourceRoutes } from '../http/router.ts';
import type { WriteDependencies } from '../http/writes.ts';
import type { LeadingScheduler } from './leading-scheduler.ts';

/** A question about one pod on 5,000 nodes takes the scheduler well under a second. */
const deadlineMs = 5_000;

/**
 * Our own subresource of pods. The recorded list `/api/v1` of Kubernetes does not have it, so it is shown in the
 * aggregated form of discovery only.
 */
export const placementSubresource: SubresourceInfo = {
  name: 'placement',
  group: 'coracle.dev',
  version: 'v1',
  kind: 'PodPlacement',
  verbs: ['get'],
};

export interface PlacementDependencies extends WriteDependencies {
  readonly scheduler: Pick<LeadingScheduler, 'ask'>;
}

/** `GET pods/<name>/placement`: why the pod is where it is, or nowhere, as the leading scheduler sees it. */
export function placementRoutes(deps: PlacementDependencies): SubresourceRoutes {
  return { get: (request) => readPlacement(deps, request) };
}

async function readPlacement(deps: PlacementDependencies, request: ResourceRequest): Promise<Handled> {
  const { strategy, info, headers } = request;
  const negotiated = negotiate(headers.accept);
  const found = await deps.store.read(strategy, info.namespace, info.name);
  if (found === undefined) throw notFound(strategy.kind, info.name);
  const answer = await deps.scheduler.ask('/placement', found.json, deadlineMs);
  return objectAnswer(200, JSON.parse(answer.toString()) as object, negotiated);
}
