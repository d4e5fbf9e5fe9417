import { describe, expect, it } from 'vitest';
import { Judge } from '../../test/support/judged.ts';

const requests = new Judge('certificates.k8s.io', 'v1', 'certificatesigningrequests', '');
const encoded = (text: string): string => Buffer.from(text).toString('base64');
const bad = encoded('foo');
const noRequest = `spec.request: Invalid value: "${bad}": PEM block type must be CERTIFICATE REQUEST`;
const good = { request: bad, signerName: 'a.b/c', usages: ['signing'] };
const exclusive = 'Approved and Denied conditions are mutually exclusive';
const given = (type: string, status = 'True') => ({ type, status });
const decided = (...conditions: readonly object[]) => ({ spec: good, status: { conditions } });
const certified = (pem: string) => ({ spec: good, status: { certificate: encoded(pem) } });
const certificate = (problem: string): string[] => [
  `status.certificate: Invalid value: "<certificate data>": ${problem}`,
];
const block = (type: string): string => `-----BEGIN ${type}-----\nZm9v\n-----END ${type}-----\n`;

describe('signing requests', () => {
  it.each<[object, string[]]>([
    [{ signerName: '' }, ['spec.signerName: Required value']],
    [
      { signerName: 'a/b/c' },
      [
        'spec.signerName: Invalid value: "a/b/c": must be a fully qualified domain and path of the form \'example.com/signer-name\'',
      ],
    ],
    [
      { signerName: 'A/b' },
      [
        expect.stringContaining(
          'spec.signerName: Invalid value: "A": validating label "A": a lowercase RFC 1123',
        ),
        'spec.signerName: Invalid value: "A": should be a domain with at least two segments separated by dots',
      ],
    ],
    [
      { signerName: 'kubernetes.io/legacy-unknown' },
      [
        'spec.signerName: Invalid value: "kubernetes.io/legacy-unknown": the legacy signerName is not allowed via this API version',
      ],
    ],
    [{ usages: ['signing', 'signing'] }, ['spec.usages[1]: Duplicate value: "signing"']],
  ])('are judged: %j', (part, expected) => {
    const problems = requests.ofNew({ spec: { ...good, ...part } });
    expect(problems[0]).toBe(noRequest);
    expect(problems.slice(1)).toEqual(expected);
  });

  it.each<[string, object, object, string[]]>([
    [
      'approval',
      decided(),
      decided(given('Approved'), given('Denied')),
      [`status.conditions[1].type: Invalid value: "Denied": ${exclusive}`],
    ],
    [
      'approval',
      decided(),
      decided(given('Approved', 'False')),
      ['status.conditions[0].status: Unsupported value: "False": supported values: "True"'],
    ],
    [
      'status',
      decided(),
      decided(given(''), given('A', ''), given('A', 'Maybe')),
      [
        'status.conditions[0].type: Required value',
        'status.conditions[1].status: Required value',
        'status.conditions[2].status: Unsupported value: "Maybe": supported values: "False", "True", "Unknown"',
        'status.conditions[2].type: Duplicate value: "A"',
      ],
    ],
    ['status', decided(given('A'), given('A')), decided(given('A'), given('A')), []],
    [
      'approval',
      decided(given('Approved')),
      decided(),
      ['status.conditions: Forbidden: updates may not remove a condition of type "Approved"'],
    ],
    ['status', decided(), certified('foo'), certificate('must contain at least one CERTIFICATE PEM block')],
    [
      'status',
      decided(),
      certified(block('KEY')),
      certificate('only CERTIFICATE PEM blocks are allowed, found "KEY"'),
    ],
    ['status', decided(), certified(block('CERTIFICATE')), certificate('x509: malformed certificate')],
    [
      'status',
      certified(block('CERTIFICATE')),
      certified('other'),
      ['status.certificate: Forbidden: updates may not modify existing certificate content'],
    ],
  ])('are judged in their %s (%#)', (subresource, before, after, expected) => {
    expect(requests.ofChange(before, after, subresource)).toEqual(expected);
  });
});
