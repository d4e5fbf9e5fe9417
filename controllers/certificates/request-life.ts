import type { CertificateSigningRequest } from '../../api/generated/certificates-v1.ts';

const hourMs = 3_600_000;
/** A request that is decided, whatever became of it, is of no more use after an hour; an open one after a day. */
const decidedMs = hourMs;
const pendingMs = 24 * hourMs;

export function hasCondition({ status }: CertificateSigningRequest, type: string): boolean {
  return (status?.conditions ?? []).some(
    (condition) => condition.type === type && condition.status === 'True',
  );
}

/** Pure: when a request is to be cleaned away. `certificateEndMs`: when the certificate in it ends. */
export function endOfRequest(
  request: CertificateSigningRequest,
  certificateEndMs: number | undefined,
): number {
  const decisions = (request.status?.conditions ?? []).filter(({ type }) =>
    ['Approved', 'Denied', 'Failed'].includes(type),
  );
  if (decisions.length === 0) return Date.parse(request.metadata.creationTimestamp) + pendingMs;
  const lastMs = Math.max(...decisions.map(({ lastUpdateTime }) => Date.parse(lastUpdateTime ?? '') || 0));
  return Math.min(lastMs + decidedMs, certificateEndMs ?? Number.POSITIVE_INFINITY);
}
