import { describe, expect, it } from 'vitest';
import { Judge } from '../../test/support/judged.ts';

const secrets = new Judge('', 'v1', 'secrets');
const configMaps = new Judge('', 'v1', 'configmaps');
const accounts = new Judge('', 'v1', 'serviceaccounts');
const namespaces = new Judge('', 'v1', 'namespaces', '');
const quotas = new Judge('', 'v1', 'resourcequotas');

const encoded = (text: string): string => Buffer.from(text).toString('base64');
const docker = (text: string): object => ({
  type: 'kubernetes.io/dockerconfigjson',
  data: { '.dockerconfigjson': encoded(text) },
});
const redacted = (problem: string): string[] => [
  `data[.dockerconfigjson]: Invalid value: "<secret contents redacted>": ${problem}`,
];
const mib = 1024 * 1024;
const frozen = (field: string): string => `${field}: Forbidden: field is immutable when \`immutable\` is set`;

describe('Secrets and ConfigMaps', () => {
  it.each<[object, string[]]>([
    [
      { data: { 'a/b': '' } },
      [
        "data[a/b]: Invalid value: \"a/b\": a valid config key must consist of alphanumeric characters, '-', '_' or '.' (e.g. 'key.name',  or 'KEY_NAME',  or 'key-name', regex used for validation is '[-._a-zA-Z0-9]+')",
      ],
    ],
    [{ data: { '..a': '' } }, ['data[..a]: Invalid value: "..a": must not start with \'..\'']],
    [{ data: { a: encoded('x'.repeat(mib + 1)) } }, ['data: Too long: may not be more than 1048576 bytes']],
    [
      { type: 'kubernetes.io/service-account-token' },
      ['metadata.annotations[kubernetes.io/service-account.name]: Required value'],
    ],
    [{ type: 'kubernetes.io/dockercfg' }, ['data[.dockercfg]: Required value']],
    [docker('{'), redacted('unexpected end of JSON input')],
    [docker('[]'), redacted('json: cannot unmarshal array into Go value of type map[string]interface {}')],
    [docker('null'), []],
    [
      { type: 'kubernetes.io/basic-auth', data: { user: '' } },
      ['data[username]: Required value', 'data[password]: Required value'],
    ],
    [{ type: 'kubernetes.io/basic-auth', data: { username: '' } }, []],
    [
      { type: 'kubernetes.io/ssh-auth', data: { 'ssh-privatekey': '' } },
      ['data[ssh-privatekey]: Required value'],
    ],
    [{ type: 'kubernetes.io/tls', data: { 'tls.crt': '' } }, ['data[tls.key]: Required value']],
    [{ type: 'example.com/any' }, []],
  ])('judge the secret %j', (content, expected) => {
    expect(secrets.ofNew(content)).toEqual(expected);
  });

  it('keep a type, and what was frozen', () => {
    const before = { immutable: true, data: { a: 'eA==' } };
    expect(secrets.ofChange(before, { data: { a: 'eQ==' }, type: 'x' })).toEqual([
      'type: Invalid value: "x": field is immutable',
      frozen('immutable'),
      frozen('data'),
    ]);
    const config = { immutable: true, binaryData: { a: 'eA==' } };
    expect(configMaps.ofChange(config, { immutable: true })).toEqual([frozen('binaryData')]);
  });

  it('take a key of a ConfigMap once, and no more than a mebibyte', () => {
    expect(configMaps.ofNew({ data: { a: 'x'.repeat(mib) }, binaryData: { a: 'eA==' } })).toEqual([
      'data[a]: Invalid value: "a": duplicate of key present in binaryData',
      ': Too long: may not be more than 1048576 bytes',
    ]);
  });
});

it('keeps only the names of the secrets of a service account', () => {
  const content = { secrets: [{ name: 's', namespace: 'other', uid: 'u' }] };
  expect(accounts.created(content)['secrets']).toEqual([{ name: 's' }]);
  expect(accounts.updated({}, content)['secrets']).toEqual([{ name: 's' }]);
});

it('lets a namespace be Active until it is deleted, and Terminating then', () => {
  const leaving = { metadata: { deletionTimestamp: '2026-01-02T00:00:00Z' }, status: { phase: 'Active' } };
  expect(namespaces.ofChange({}, { status: { phase: 'Gone' } }, 'status')).toEqual([
    'status.Phase: Invalid value: "Gone": may only be \'Active\' if `deletionTimestamp` is empty',
  ]);
  expect(namespaces.ofChange(leaving, leaving, 'status')).toEqual([
    'status.Phase: Invalid value: "Active": may only be \'Terminating\' if `deletionTimestamp` is not empty',
  ]);
});

it('counts in the status of a quota what a quota can count', () => {
  expect(
    quotas.ofChange({}, { status: { hard: { pods: '-1' }, used: { pods: '1500m' } } }, 'status'),
  ).toEqual([
    'status.hard[pods]: Invalid value: "-1": must be greater than or equal to 0',
    'status.used[pods]: Invalid value: "1500m": must be an integer',
  ]);
});
