import type {
  CertificateSigningRequest,
  CertificateSigningRequestCondition,
} from '../../api/generated/certificates-v1.ts';
import { certificatesigningrequests } from '../../api/generated/resources.ts';
import { toTime } from '../../base/clock.ts';
import { ageColumn, column, formatDuration, nameColumn } from './columns.ts';
import { forbidden, invalid, required, unsupported } from './field-error.ts';
import type { KindRules } from './kind-rules.ts';
import { pathSegmentName } from './names.ts';
import { requestedSubject } from './requested-subject.ts';
import type { FieldError, WriteContext } from './strategy.ts';

const minSeconds = 600;
const usages: readonly string[] = [
  'any',
  'cert sign',
  'client auth',
  'code signing',
  'content commitment',
  'crl sign',
  'data encipherment',
  'decipher only',
  'digital signature',
  'email protection',
  'encipher only',
  'ipsec end system',
  'ipsec tunnel',
  'ipsec user',
  'key agreement',
  'key encipherment',
  'microsoft sgc',
  'netscape sgc',
  'ocsp signing',
  's/mime',
  'server auth',
  'signing',
  'timestamping',
];
/** Given once, for good; only `approval` gives the first two. */
const lasting = ['Approved', 'Denied', 'Failed'];

function conditionText(request: CertificateSigningRequest): string {
  const types = (request.status?.conditions ?? []).map(({ type }) => type);
  const words = ['Approved', 'Denied', 'Failed'].filter((type) => types.includes(type));
  if (words.length === 0) words.push('Pending');
  if ((request.status?.certificate ?? '') !== '') words.push('Issued');
  return words.join(',');
}

const decoded = (base64 = ''): string => Buffer.from(base64, 'base64').toString('latin1');

function validateRequest({ spec }: CertificateSigningRequest): FieldError[] {
  const errors: FieldError[] = [];
  if (!decoded(spec.request).includes('-----BEGIN CERTIFICATE REQUEST-----'))
    errors.push(invalid('spec.request', spec.request, 'PEM block type must be CERTIFICATE REQUEST'));
  else if (requestedSubject(spec.request) === undefined)
    errors.push(
      invalid('spec.request', spec.request, 'must be one PEM block with a DER-encoded PKCS#10 request'),
    );
  if ((spec.usages ?? []).length === 0) errors.push(required('spec.usages'));
  for (const [index, usage] of (spec.usages ?? []).entries())
    if (!usages.includes(usage)) errors.push(unsupported(`spec.usages[${index}]`, usage, usages));
  if (spec.signerName === '') errors.push(required('spec.signerName'));
  else if (!/^[a-z0-9.-]+\.[a-z0-9-]+\/.+$/.test(spec.signerName))
    errors.push(
      invalid(
        'spec.signerName',
        spec.signerName,
        "must be a fully qualified domain and path of the form 'example.com/signer-name'",
      ),
    );
  const seconds = spec.expirationSeconds;
  if (seconds !== undefined && seconds < minSeconds)
    errors.push(
      invalid(
        'spec.expirationSeconds',
        seconds,
        `may not specify a duration less than ${minSeconds} seconds (10 minutes)`,
      ),
    );
  return errors;
}

type Conditions = readonly CertificateSigningRequestCondition[];
const conditionsOf = (request: CertificateSigningRequest): Conditions => request.status?.conditions ?? [];
const isDecision = ({ type }: CertificateSigningRequestCondition): boolean =>
  type === 'Approved' || type === 'Denied';

function validateStatus(next: CertificateSigningRequest, current: CertificateSigningRequest): FieldError[] {
  const kept = new Set(conditionsOf(next).map(({ type }) => type));
  const errors = conditionsOf(current)
    .filter(({ type }) => lasting.includes(type) && !kept.has(type))
    .map(({ type }) =>
      forbidden('status.conditions', `updates may not remove a condition of type ${JSON.stringify(type)}`),
    );
  const certificate = next.status?.certificate ?? '';
  if (certificate !== '' && !decoded(certificate).includes('-----BEGIN CERTIFICATE-----'))
    errors.push(
      invalid('status.certificate', '<certificate data>', 'must contain at least one CERTIFICATE PEM block'),
    );
  return errors;
}

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
  validate: validateRequest,
  validateStatus,
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
