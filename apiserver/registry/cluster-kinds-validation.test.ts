import { describe, expect, it } from 'vitest';
import { Judge } from '../../test/support/judged.ts';

const slices = new Judge('discovery.k8s.io', 'v1', 'endpointslices');
const endpoints = new Judge('', 'v1', 'endpoints');
const priorities = new Judge('scheduling.k8s.io', 'v1', 'priorityclasses', '');
const runtimes = new Judge('node.k8s.io', 'v1', 'runtimeclasses', '');

const noIp = 'must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)';
const slice = (addressType: string, endpoint: object) => ({ addressType, endpoints: [endpoint] });
const one = 'endpoints[0]';
const zones = Array.from({ length: 9 }, (_, index) => ({ name: `z${index}` }));

describe('endpoints', () => {
  it.each<[object, string[]]>([
    [{ endpoints: [] }, ['addressType: Required value']],
    [
      slice('IPX', { addresses: ['x y'] }),
      ['addressType: Unsupported value: "IPX": supported values: "FQDN", "IPv4", "IPv6"'],
    ],
    [slice('IPv4', { addresses: [] }), [`${one}.addresses: Required value: must contain at least 1 address`]],
    [slice('IPv4', { addresses: ['1.2.3'] }), [`${one}.addresses[0]: Invalid value: "1.2.3": ${noIp}`]],
    [
      slice('IPv4', { addresses: ['::1'] }),
      [
        `${one}.addresses[0]: Invalid value: "::1": must be an IPv4 address`,
        `${one}.addresses[0]: Invalid value: "::1": may not be in the loopback range (127.0.0.0/8, ::1/128)`,
      ],
    ],
    [
      slice('FQDN', { addresses: ['a'] }),
      [
        `${one}.addresses[0]: Invalid value: "a": should be a domain with at least two segments separated by dots`,
      ],
    ],
    [
      slice('IPv4', {
        addresses: ['10.0.0.1'],
        hints: { forZones: zones, forNodes: [{ name: 'n' }, { name: 'n' }] },
      }),
      [
        `${one}.hints.forZones: Too many: 9: must have at most 8 items`,
        `${one}.hints.forNodes[1].name: Duplicate value: "n"`,
      ],
    ],
    [
      {
        addressType: 'IPv4',
        endpoints: [],
        ports: [
          { name: 'a', protocol: 'X' },
          { name: 'a', appProtocol: '/' },
        ],
      },
      [
        'ports[0].protocol: Unsupported value: "X": supported values: "SCTP", "TCP", "UDP"',
        'ports[1].name: Duplicate value: "a"',
        'ports[1].appProtocol: Invalid value: "/": prefix part must be non-empty',
        'ports[1].appProtocol: Invalid value: "/": name part must be non-empty',
        expect.stringContaining('ports[1].appProtocol: Invalid value: "/": name part must consist'),
      ],
    ],
  ])('are judged in slices: %j', (content, expected) => {
    expect(slices.ofNew(content)).toEqual(expected);
  });

  it('keep their type, and addresses that no new one could have', () => {
    const loop = slice('IPv4', { addresses: ['127.0.0.1'] });
    expect(slices.ofChange(loop, { ...loop, ports: [{ port: 80 }] })).toEqual([]);
    expect(slices.ofChange(loop, { ...loop, addressType: 'IPv6' })).toEqual([
      'addressType: Invalid value: "IPv6": field is immutable',
    ]);
  });

  it('count changes of labels, and are not told of topology', () => {
    const before = slice('IPv4', { addresses: ['10.0.0.1'] });
    const after = { ...before, metadata: { labels: { a: 'b' } } };
    expect(slices.updated(before, after).metadata.generation).toBe(2);
    const topology = slice('IPv4', { addresses: ['10.0.0.2'], deprecatedTopology: { zone: 'z' } });
    expect(slices.created(topology)['endpoints']).toEqual([{ addresses: ['10.0.0.2'] }]);
    expect(slices.updated(before, topology)['endpoints']).toEqual([{ addresses: ['10.0.0.2'] }]);
  });

  it.each<[object, string[]]>([
    [{}, ['subsets[0]: Required value: must specify `addresses` or `notReadyAddresses`']],
    [
      { addresses: [{ ip: 'x' }] },
      [
        `subsets[0].addresses[0].ip: Invalid value: "x": ${noIp}`,
        'subsets[0].addresses[0].ip: Invalid value: "x": must be a valid IP address',
      ],
    ],
    [
      { notReadyAddresses: [{ ip: '127.0.0.1' }] },
      [
        'subsets[0].notReadyAddresses[0].ip: Invalid value: "127.0.0.1": may not be in the loopback range (127.0.0.0/8, ::1/128)',
      ],
    ],
    [
      { addresses: [{ ip: '10.0.0.1' }], ports: [{ port: 1 }, { port: 0, name: 'b' }] },
      [
        'subsets[0].ports[0].name: Required value',
        'subsets[0].ports[1].port: Invalid value: 0: must be between 1 and 65535, inclusive',
      ],
    ],
  ])('are judged in subsets: %j', (subset, expected) => {
    expect(endpoints.ofNew({ subsets: [subset] })).toEqual(expected);
  });
});

const reserved =
  "metadata.name: Forbidden: priority class names with 'system-' prefix are reserved for system use only. error: ";
const named = (name: string, of: object) => ({ metadata: { name }, ...of });

describe('classes', () => {
  it.each<[object, string[]]>([
    [
      { value: 1_000_000_001 },
      ['value: Forbidden: maximum allowed value of a user defined priority is 1000000000'],
    ],
    [
      { value: 1, preemptionPolicy: 'Sometimes' },
      ['preemptionPolicy: Unsupported value: "Sometimes": supported values: "PreemptLowerPriority", "Never"'],
    ],
    [named('system-a', { value: 1 }), [`${reserved}system-a is not a known system priority class`]],
    [
      named('system-node-critical', { value: 1 }),
      [`${reserved}value of system-node-critical PriorityClass must be 2000001000`],
    ],
    [
      named('system-node-critical', { value: 2_000_001_000, globalDefault: true }),
      [`${reserved}globalDefault of system-node-critical PriorityClass must be false`],
    ],
  ])('of priority are judged: %j', (content, expected) => {
    expect(priorities.ofNew(content)).toEqual(expected);
  });

  it('of priority keep their value, and count no changes', () => {
    expect(priorities.ofChange({ value: 1 }, { value: 2, preemptionPolicy: 'Never' })).toEqual([
      'value: Forbidden: may not be changed in an update.',
      'preemptionPolicy: Invalid value: "Never": field is immutable',
    ]);
    expect(priorities.created({ value: 1 }).metadata.generation).toBe(1);
  });

  it.each<[object, string[]]>([
    [{ handler: '' }, ['handler: Required value']],
    [{ handler: 'a.b' }, ['handler: Invalid value: "a.b": must not contain dots']],
    [
      { handler: 'h', overhead: { podFixed: { beer: '1' } } },
      [
        'overhead.limits[beer]: Invalid value: "beer": must be a standard resource type or fully qualified',
        'overhead.limits[beer]: Invalid value: "beer": must be a standard resource for containers',
      ],
    ],
    [
      {
        handler: 'h',
        scheduling: {
          nodeSelector: { a: 'b c' },
          tolerations: [
            { key: 'k', operator: 'Exists', effect: 'NoExecute', tolerationSeconds: 1 },
            { key: 'k', operator: 'Exists', effect: 'NoExecute' },
          ],
        },
      },
      [
        expect.stringContaining('scheduling.nodeSelector: Invalid value: "b c": a valid label must be'),
        'scheduling.tolerations[1]: Duplicate value: {"Key":"k","Operator":"Exists","Value":"","Effect":"NoExecute","TolerationSeconds":null}',
      ],
    ],
  ])('of runtimes are judged: %j', (content, expected) => {
    expect(runtimes.ofNew(content)).toEqual(expected);
  });
});
