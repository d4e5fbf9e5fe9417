import { X509Certificate } from 'node:crypto';
import type {
  CertificateSigningRequest,
  CertificateSigningRequestCondition,
} from '../../api/generated/certificates-v1.ts';
import { duplicate, forbidden, invalid, quote, required, tooLong, unsupported } from './field-error.ts';
import { dnsLabelProblems, dnsSubdomainProblems } from './names.ts';
import { requestedSubject } from './requested-subject.ts';
import type { FieldError } from './strategy.ts';

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
const legacySigner = 'kubernetes.io/legacy-unknown';
const maxDomainLength = 253;
const maxSignerLength = 571;
/** Given once, for good, and never taken back. */
const lasting = ['Approved', 'Denied', 'Failed'];

const decoded = (base64 = ''): string => Buffer.from(base64, 'base64').toString('latin1');

export function validateRequest({ spec }: CertificateSigningRequest): FieldError[] {
  const errors: FieldError[] = [];
  if (!decoded(spec.request).includes('-----BEGIN CERTIFICATE REQUEST-----'))
    errors.push(invalid('spec.request', spec.request, 'PEM block type must be CERTIFICATE REQUEST'));
  else if (requestedSubject(spec.request) === undefined)
    errors.push(
      invalid('spec.request', spec.request, 'must be one PEM block with a DER-encoded PKCS#10 request'),
    );
  const wanted = spec.usages ?? [];
  if (wanted.length === 0) errors.push(required('spec.usages'));
  for (const [index, usage] of wanted.entries())
    if (!usages.includes(usage)) errors.push(unsupported(`spec.usages[${index}]`, usage, usages));
  for (const [index, usage] of wanted.entries())
    if (wanted.indexOf(usage) < index) errors.push(duplicate(`spec.usages[${index}]`, usage));
  errors.push(...validateSigner(spec.signerName, 'spec.signerName'));
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

/** `example.com/name` */
function validateSigner(name: string, field: string): FieldError[] {
  if (name === '') return [required(field)];
  if (name === legacySigner)
    return [invalid(field, name, 'the legacy signerName is not allowed via this API version')];
  const [domain = '', path = '', ...more] = name.split('/');
  if (!name.includes('/') || more.length > 0)
    return [
      invalid(field, name, "must be a fully qualified domain and path of the form 'example.com/signer-name'"),
    ];
  const errors = domain.length > maxDomainLength ? [tooLong(field, maxDomainLength)] : [];
  const labels = domain.split('.');
  errors.push(...labelErrors(domain, labels, dnsLabelProblems, field));
  if (labels.length < 2)
    errors.push(invalid(field, domain, 'should be a domain with at least two segments separated by dots'));
  errors.push(...labelErrors(path, path.split('.'), dnsSubdomainProblems, field));
  if (name.length > maxSignerLength) errors.push(tooLong(field, maxSignerLength));
  return errors;
}

/** Those of the first label that is wrong. */
function labelErrors(
  whole: string,
  labels: readonly string[],
  problemsOf: (label: string) => string[],
  field: string,
): FieldError[] {
  const label = labels.find((part) => problemsOf(part).length > 0);
  return label === undefined
    ? []
    : problemsOf(label).map((problem) =>
        invalid(field, whole, `validating label ${quote(label)}: ${problem}`),
      );
}

type Condition = CertificateSigningRequestCondition;
const conditionsOf = (request: CertificateSigningRequest): readonly Condition[] =>
  request.status?.conditions ?? [];

/** Of a write of `status` or `approval`; what is wrong already may stay. */
export function validateRequestStatus(
  next: CertificateSigningRequest,
  current: CertificateSigningRequest,
): FieldError[] {
  const errors = validateConditions(conditionsOf(next), conditionsOf(current));
  const [after, before] = [next.status?.certificate ?? '', current.status?.certificate ?? ''];
  if (after !== before && certificateProblem(before) === undefined) {
    const problem = certificateProblem(after);
    if (problem !== undefined) errors.push(invalid('status.certificate', '<certificate data>', problem));
  }
  const count = (conditions: readonly Condition[], wanted: string): number =>
    conditions.filter(({ type }) => type === wanted).length;
  for (const type of lasting)
    if (count(conditionsOf(next), type) < count(conditionsOf(current), type))
      errors.push(
        forbidden('status.conditions', `updates may not remove a condition of type ${quote(type)}`),
      );
  if (after !== before && before !== '')
    errors.push(forbidden('status.certificate', 'updates may not modify existing certificate content'));
  return errors;
}

function validateConditions(next: readonly Condition[], current: readonly Condition[]): FieldError[] {
  const old = current.map(({ type }) => type);
  const keepsDuplicates = new Set(old).size < old.length;
  const keepsBoth = old.includes('Approved') && old.includes('Denied');
  const seen = new Set<string>();
  return next.flatMap(({ type = '', status = '' }, index) => {
    const field = `status.conditions[${index}]`;
    const errors = type === '' && !old.includes('') ? [required(`${field}.type`)] : [];
    const allowed = lasting.includes(type) ? ['True'] : ['False', 'True', 'Unknown'];
    if (status === '') errors.push(required(`${field}.status`));
    else if (!allowed.includes(status)) errors.push(unsupported(`${field}.status`, status, allowed));
    const other = { Approved: 'Denied', Denied: 'Approved' }[type];
    if (!keepsBoth && other !== undefined && seen.has(other))
      errors.push(invalid(`${field}.type`, type, 'Approved and Denied conditions are mutually exclusive'));
    if (!keepsDuplicates && seen.has(type)) errors.push(duplicate(`${field}.type`, type));
    seen.add(type);
    return errors;
  });
}

const pemBlock = /-----BEGIN ([^-]+)-----\r?\n([\s\S]*?)-----END \1-----/g;

/** @param base64 of PEM, or '' */
function certificateProblem(base64: string): string | undefined {
  if (base64 === '') return undefined;
  const blocks = [...decoded(base64).matchAll(pemBlock)];
  for (const [text, type = '', body = ''] of blocks) {
    if (type !== 'CERTIFICATE') return `only CERTIFICATE PEM blocks are allowed, found ${quote(type)}`;
    if (body.includes(':')) return 'no PEM block headers are permitted';
    if (!isCertificate(text)) return 'x509: malformed certificate';
  }
  return blocks.length === 0 ? 'must contain at least one CERTIFICATE PEM block' : undefined;
}

function isCertificate(pem: string): boolean {
  try {
    new X509Certificate(pem);
    return true;
  } catch {
    // No certificate: that is the question.
    return false;
  }
}
