import { describe, expect, it } from 'vitest';
import { Judge } from '../../test/support/judged.ts';

const group = 'networking.k8s.io';
const ingresses = new Judge(group, 'v1', 'ingresses');
const classes = new Judge(group, 'v1', 'ingressclasses', '');
const policies = new Judge(group, 'v1', 'networkpolicies');
const addresses = new Judge(group, 'v1', 'ipaddresses', '');
const ranges = new Judge(group, 'v1', 'servicecidrs', '');

const service = { name: 's', port: { number: 80 } };
const path = { path: '/', pathType: 'Prefix', backend: { service } };
const onHost = (host: string, over: object = {}) => ({
  rules: [{ host, http: { paths: [{ ...path, ...over }] } }],
});
const resource = (of: object) => ({ defaultBackend: { resource: of } });
const wildcardText =
  "a wildcard DNS-1123 subdomain must start with '*.', followed by a valid DNS subdomain, which must consist of lower case alphanumeric characters, '-' or '.' and end with an alphanumeric character (e.g. '*.example.com', regex used for validation is '\\*\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')";
const subdomainText =
  "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character (e.g. 'example.com', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')";
const first = 'spec.rules[0].http.paths[0]';

describe('Ingresses', () => {
  it.each<[object, string[]]>([
    [{}, ['spec: Invalid value: null: either `defaultBackend` or `rules` must be specified']],
    [onHost('*.a.*'), [`spec.rules[0].host: Invalid value: "*.a.*": ${wildcardText}`]],
    [
      onHost('::1'),
      [
        'spec.rules[0].host: Invalid value: "::1": must be a DNS name, not an IP address',
        `spec.rules[0].host: Invalid value: "::1": ${subdomainText}`,
      ],
    ],
    [{ rules: [{ http: {} }] }, ['spec.rules[0].http.paths: Required value']],
    [onHost('', { pathType: undefined }), [`${first}.pathType: Required value: pathType must be specified`]],
    [
      onHost('', { pathType: 'Regex' }),
      [
        `${first}.pathType: Unsupported value: "Regex": supported values: "Exact", "ImplementationSpecific", "Prefix"`,
      ],
    ],
    [onHost('', { path: '/a/..' }), [`${first}.path: Invalid value: "/a/..": cannot end with '/..'`]],
    [
      resource({ apiGroup: 'A', kind: '', name: 'a/b' }),
      [
        `spec.defaultBackend.resource.apiGroup: Invalid value: "A": ${subdomainText}`,
        'spec.defaultBackend.resource.kind: Required value: kind is required',
        'spec.defaultBackend.resource.name: Invalid value: "a/b": may not contain \'/\'',
      ],
    ],
    [
      { defaultBackend: { service, resource: { kind: 'K', name: 'n' } } },
      ['spec.defaultBackend: Invalid value: "": cannot set both resource and service backends'],
    ],
    [
      { defaultBackend: { service }, tls: [{ secretName: 'A', hosts: ['*'] }] },
      [
        `spec.tls[0].hosts[0]: Invalid value: "*": ${wildcardText}`,
        `spec.tls[0].secretName: Invalid value: "A": ${subdomainText}`,
      ],
    ],
  ])('are judged: %j', (spec, expected) => {
    expect(ingresses.ofNew({ spec })).toEqual(expected);
  });

  it('name their class once', () => {
    const annotated = { metadata: { annotations: { 'kubernetes.io/ingress.class': 'x' } } };
    const spec = { defaultBackend: { service } };
    expect(ingresses.warnings({ ...annotated, spec })).toEqual([
      'annotation "kubernetes.io/ingress.class" is deprecated, please use \'spec.ingressClassName\' instead',
    ]);
    expect(ingresses.ofNew({ ...annotated, spec: { ...spec, ingressClassName: 'y' } })).toEqual([
      'annotations.kubernetes.io/ingress.class: Invalid value: "x": must match `ingressClassName` when both are specified',
    ]);
  });

  it('keep wrong rules of wildcards and names of secrets', () => {
    const old = { ...onHost('*.a.b', { path: 'x' }), tls: [{ secretName: 'A' }] };
    expect(ingresses.ofNew({ spec: old })).toHaveLength(2);
    expect(ingresses.ofChange({ spec: old }, { spec: { ...old, ingressClassName: 'c' } })).toEqual([]);
  });

  it('have addresses in their status', () => {
    const status = { loadBalancer: { ingress: [{ ip: '1.2.3' }, { hostname: '1.2.3.4' }] } };
    expect(ingresses.ofChange({}, { status }, 'status')).toEqual([
      'status.loadBalancer.ingress[0].ip: Invalid value: "1.2.3": must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)',
      'status.loadBalancer.ingress[1].hostname: Invalid value: "1.2.3.4": must be a DNS name, not an IP address',
    ]);
  });
});

const controller = 'a.b/c';
const parameters = (over: object) => ({ controller, parameters: { kind: 'K', name: 'n', ...over } });

describe('IngressClasses', () => {
  it.each<[object, string[]]>([
    [{}, ['spec.controller: Required value']],
    [{ controller: `a/${'b'.repeat(249)}` }, ['spec.controller: Too long: may not be more than 250 bytes']],
    [
      { controller: 'a' },
      ['spec.controller: Invalid value: "a": must be a domain-prefixed path (such as "acme.io/foo")'],
    ],
    [
      { controller: 'A/ä' },
      [
        `spec.controller: Invalid value: "A": ${subdomainText}`,
        "spec.controller: Invalid value: \"ä\": Invalid path (regex used for validation is '[A-Za-z0-9/\\-._~%!$&'()*+,;=:]+')",
      ],
    ],
    [
      parameters({ scope: 'Any' }),
      ['spec.parameters.scope: Unsupported value: "Any": supported values: "Cluster", "Namespace"'],
    ],
    [
      parameters({ namespace: 'n' }),
      ["spec.parameters.namespace: Forbidden: `parameters.scope` is set to 'Cluster'"],
    ],
    [
      parameters({ scope: 'Namespace' }),
      ["spec.parameters.namespace: Required value: `parameters.scope` is set to 'Namespace'"],
    ],
  ])('are judged: %j', (spec, expected) => {
    expect(classes.ofNew({ spec })).toEqual(expected);
  });

  it('keep their controller', () => {
    expect(classes.ofChange({ spec: { controller } }, { spec: { controller: 'd.e/f' } })).toEqual([
      'spec.controller: Invalid value: "d.e/f": field is immutable',
    ]);
  });
});

const port = (of: object) => ({ podSelector: {}, ingress: [{ ports: [of] }] });
const peer = (of: object) => ({ podSelector: {}, egress: [{ to: [of] }] });
const endPort = 'spec.ingress[0].ports[0].endPort';

describe('NetworkPolicies', () => {
  it.each<[object, string[]]>([
    [
      port({ endPort: 80 }),
      [`${endPort}: Invalid value: 80: may not be specified when \`port\` is not specified`],
    ],
    [
      port({ port: 'web', endPort: 80 }),
      [`${endPort}: Invalid value: 80: may not be specified when \`port\` is non-numeric`],
    ],
    [
      port({ port: 80, endPort: 70000 }),
      [`${endPort}: Invalid value: 70000: must be between 1 and 65535, inclusive`],
    ],
    [
      peer({ ipBlock: { cidr: '10.0.0.0/8' }, podSelector: {} }),
      ['spec.egress[0].to[0]: Forbidden: may not specify both ipBlock and another peer'],
    ],
    [peer({ ipBlock: { cidr: '' } }), ['spec.egress[0].to[0].ipBlock.cidr: Required value']],
    [
      peer({ ipBlock: { cidr: '10.0.0.0' } }),
      [
        'spec.egress[0].to[0].ipBlock.cidr: Invalid value: "10.0.0.0": must be a valid CIDR value, (e.g. 10.9.8.0/24 or 2001:db8::/64)',
      ],
    ],
    [
      { podSelector: {}, policyTypes: ['A', 'B', 'C'] },
      ['spec.policyTypes: Invalid value: ["A","B","C"]: may not specify more than two policyTypes'],
    ],
  ])('are judged: %j', (spec, expected) => {
    expect(policies.ofNew({ spec })).toEqual(expected);
  });

  it('keep a label that cannot be', () => {
    const spec = { podSelector: { matchExpressions: [{ key: 'a', operator: 'In', values: ['b c'] }] } };
    expect(policies.ofNew({ spec })).toHaveLength(1);
    expect(policies.ofChange({ spec }, { spec: { ...spec, policyTypes: ['Egress'] } })).toEqual([]);
  });
});

describe('addresses of services', () => {
  it.each<[string, string[]]>([
    ['10.0.0.1', []],
    ['2001:db8::1', []],
    ['10.0.0', ['must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)']],
    ['::ffff:1.2.3.4', ['must not be an IPv4-mapped IPv6 address']],
    ['2001:DB8::1', ['must be in canonical form ("2001:db8::1")']],
  ])('are written one way: %s', (name, problems) => {
    const content = { metadata: { name }, spec: { parentRef: { resource: 'services', name: 's' } } };
    const expected = problems.map((problem) => `metadata.name: Invalid value: "${name}": ${problem}`);
    expect(addresses.ofNew(content)).toEqual(expected);
  });

  it('keep their holder', () => {
    const held = (name: string) => ({ spec: { parentRef: { resource: 'services', name } } });
    expect(addresses.ofNew({ metadata: { name: '10.0.0.1' }, spec: { parentRef: {} } })).toEqual([
      'spec.parentRef.resource: Required value',
      'spec.parentRef.name: Required value',
    ]);
    expect(addresses.ofChange(held('a'), held('b'))).toEqual([
      'spec.parentRef: Invalid value: {"Group":"","Resource":"services","Namespace":"","Name":"b"}: field is immutable',
    ]);
  });

  it.each<[string[], string[]]>([
    [[], ['spec.cidrs: Required value: at least one CIDR required']],
    [['10.0.0.0/16', '2001:db8::/64'], []],
    [
      ['10.0.0.1/16'],
      ['spec.cidrs[0]: Invalid value: "10.0.0.1/16": must not have bits set beyond the prefix length'],
    ],
    [
      ['10.0.0.0/16', '10.1.0.0/16'],
      [
        'spec.cidrs: Invalid value: {"CIDRs":["10.0.0.0/16","10.1.0.0/16"]}: may specify no more than one IP for each IP family, i.e 192.168.0.0/24 and 2001:db8::/64',
      ],
    ],
  ])('come from ranges: %j', (cidrs, expected) => {
    expect(ranges.ofNew({ spec: { cidrs } })).toEqual(expected);
  });
});
