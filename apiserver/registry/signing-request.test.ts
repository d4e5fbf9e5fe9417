import { describe, expect, it } from 'vitest';
import type {
  CertificateSigningRequest,
  CertificateSigningRequestCondition,
} from '../../api/generated/certificates-v1.ts';
import { t0Ms } from '../../test/support/workload-objects.ts';
import { signingRequestRules } from './signing-request.ts';

const metadata = { name: 'a', uid: 'u', resourceVersion: '1', creationTimestamp: '2026-01-01T00:00:00Z' };

function requestWith(certificate: string, ...types: string[]): CertificateSigningRequest {
  const conditions = types.map((type): CertificateSigningRequestCondition => ({ type, status: 'True' }));
  return {
    ...{ apiVersion: 'certificates.k8s.io/v1', kind: 'CertificateSigningRequest', metadata },
    spec: { request: '', signerName: 'example.com/s', usages: [] },
    status: { certificate, conditions },
  };
}

/** What a write leaves: the types of the conditions, and the certificate. */
function written(
  subresource: string,
  next: CertificateSigningRequest,
  current: CertificateSigningRequest,
): unknown {
  const user = { name: 'u', uid: '', groups: [], extra: {} };
  signingRequestRules.prepareForUpdate?.(next, current, { user, namespace: '', subresource, nowMs: t0Ms });
  return [...(next.status?.conditions ?? []).map(({ type }) => type), next.status?.certificate];
}

describe('parts of a signing request', () => {
  it('approval writes all conditions, in the order given, and no certificate', () => {
    const current = requestWith('old', 'ApprovalPatch');
    expect(written('approval', requestWith('new', 'ApprovalPatch', 'Approved'), current)).toEqual([
      'ApprovalPatch',
      'Approved',
      'old',
    ]);
  });

  it('status writes the rest, and neither gives decisions nor takes them', () => {
    const current = requestWith('', 'ApprovalPatch', 'Approved');
    const next = requestWith('new', 'ApprovalPatch', 'Denied', 'StatusUpdate');
    expect(written('status', next, current)).toEqual(['Approved', 'ApprovalPatch', 'StatusUpdate', 'new']);
    const kept = requestWith('new', 'ApprovalPatch', 'Approved', 'StatusUpdate');
    expect(written('status', kept, current)).toEqual(['ApprovalPatch', 'Approved', 'StatusUpdate', 'new']);
  });
});
