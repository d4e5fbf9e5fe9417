import type {
  CertificateSigningRequest,
  CertificateSigningRequestCondition,
} from '../../api/generated/certificates-v1.ts';
import { certificatesigningrequests } from '../../api/generated/resources.ts';
import { toTime } from '../../base/clock.ts';
import { ageColumn, column, formatDuration, nameColumn } from './columns.ts';
import type { KindRules } from './kind-rules.ts';
import { pathSegmentName } from './names.ts';
import { validateRequest, validateRequestStatus } from './signing-request-validation.ts';
import type { WriteContext } from './strategy.ts';

function conditionText(request: CertificateSigningRequest): string {
  const types = (request.status?.conditions ?? []).map(({ type }) => type);
  const words = ['Approved', 'Denied', 'Failed'].filter((type) => types.includes(type));
  if (words.length === 0) words.push('Pending');
  if ((request.status?.certificate ?? '') !== '') words.push('Issued');
  return words.join(',');
}

type Conditions = readonly CertificateSigningRequestCondition[];
const conditionsOf = (request: CertificateSigningRequest): Conditions => request.status?.conditions ?? [];
const isDecision = ({ type }: CertificateSigningRequestCondition): boolean =>
  type === 'Approved' || type === 'Denied';

/** Conditions as a write of `status` leaves them: decisions are those there were. */
function withDecisionsOf(current: Conditions, next: Conditions): Conditions {
  const decisions = new Map(current.filter(isDecision).map((condition) => [condition.type, condition]));
  const written = next.flatMap((condition) => {
    if (!isDecision(condition)) return [condition];
    const decision = decisions.get(condition.type);
    decisions.delete(condition.type);
    return decision === undefined ? [] : [decision];
  });
  return [...decisions.values(), ...written];
}

/** `approval` writes conditions and nothing else, `status` everything but decisions. */
function prepareForUpdate(
  next: CertificateSigningRequest,
  current: CertificateSigningRequest,
  { subresource, nowMs }: WriteContext,
): void {
  next.spec = current.spec;
  if (subresource !== 'approval' && subresource !== 'status') return;
  const deciding = subresource === 'approval';
  const written = conditionsOf(next);
  const conditions = (deciding ? written : withDecisionsOf(conditionsOf(current), written)).map(
    (condition) => ({
      ...condition,
      lastUpdateTime: condition.lastUpdateTime ?? toTime(nowMs),
      lastTransitionTime: condition.lastTransitionTime ?? toTime(nowMs),
    }),
  );
  const { conditions: _, ...base } = (deciding ? current.status : next.status) ?? {};
  next.status = conditions.length === 0 ? base : { ...base, conditions };
}

export const signingRequestRules: KindRules<CertificateSigningRequest> = {
  type: certificatesigningrequests,
  nameRule: pathSegmentName,
  prepareForCreate({ spec }, { user }) {
    spec.username = user.name;
    spec.groups = [...user.groups];
    if (user.uid !== '') spec.uid = user.uid;
    const extra = Object.entries(user.extra).map(([key, values]): [string, string[]] => [key, [...values]]);
    if (extra.length > 0) spec.extra = Object.fromEntries(extra);
  },
  prepareForUpdate,
  validateCreate: validateRequest,
  validateStatus: validateRequestStatus,
  selectableFields: { 'spec.signerName': ({ spec }) => spec.signerName },
  columns: [
    nameColumn,
    ageColumn,
    column('SignerName', 'Who is to sign.', ({ spec }) => spec.signerName),
    column('Requestor', 'Who asks.', ({ spec }) => spec.username ?? ''),
    column('RequestedDuration', 'How long the certificate shall last.', ({ spec }) =>
      spec.expirationSeconds === undefined ? '<none>' : formatDuration(spec.expirationSeconds * 1000),
    ),
    column('Condition', 'Approved, denied, issued.', conditionText),
  ],
};
