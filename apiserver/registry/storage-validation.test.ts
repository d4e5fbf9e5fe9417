import { describe, expect, it } from 'vitest';
import { Judge } from '../../test/support/judged.ts';

const group = 'storage.k8s.io';
const classes = new Judge(group, 'v1', 'storageclasses', '');
const attributes = new Judge(group, 'v1', 'volumeattributesclasses', '');
const drivers = new Judge(group, 'v1', 'csidrivers', '');
const nodes = new Judge(group, 'v1', 'csinodes', '');
const attachments = new Judge(group, 'v1', 'volumeattachments', '');
const capacities = new Judge(group, 'v1', 'csistoragecapacities');

const provisioner = 'a.b/c';
const zone = (values: readonly string[]) => ({ matchLabelExpressions: [{ key: 'zone', values }] });
const many = Object.fromEntries(Array.from({ length: 513 }, (_, index) => [`k${index}`, '']));
const node = (...list: readonly object[]) => ({ spec: { drivers: list } });
const driver = { name: 'd.e', nodeID: 'n' };
const attached = { attacher: 'd.e', nodeName: 'n', source: { persistentVolumeName: 'v' } };
const subdomain = 'a lowercase RFC 1123 subdomain must consist of';
const forbidden = (name: string): string => `${name}: Forbidden: updates to ${name} are forbidden.`;

describe('kinds of storage', () => {
  it.each<[Judge, object, string[]]>([
    [classes, { provisioner: '' }, ['provisioner: Required value']],
    [
      classes,
      { provisioner: 'A/', reclaimPolicy: 'Recycle', volumeBindingMode: 'Later' },
      [
        'provisioner: Invalid value: "a/": name part must be non-empty',
        expect.stringContaining('provisioner: Invalid value: "a/": name part must consist of'),
        'reclaimPolicy: Unsupported value: "Recycle": supported values: "Delete", "Retain"',
        'volumeBindingMode: Unsupported value: "Later": supported values: "Immediate", "WaitForFirstConsumer"',
      ],
    ],
    [classes, { provisioner, parameters: many }, ['parameters: Too long: may not be more than 512 bytes']],
    [
      classes,
      { provisioner, parameters: { '': 'x'.repeat(262_145) } },
      [
        'parameters: Invalid value: "": field can not be empty.',
        'parameters: Too long: may not be more than 262144 bytes',
      ],
    ],
    [
      classes,
      { provisioner, allowedTopologies: [zone(['a', 'a']), zone(['a']), zone([])] },
      [
        'allowedTopologies[0].matchLabelExpressions[0].values[1]: Duplicate value: "a"',
        'allowedTopologies[1].matchLabelExpressions: Duplicate value: ""',
        'allowedTopologies[2].matchLabelExpressions[0].values: Required value',
      ],
    ],
    [
      attributes,
      { driverName: '' },
      ['driverName: Required value', 'parameters: Required value: must contain at least one key/value pair'],
    ],
    [
      drivers,
      {
        spec: {
          fsGroupPolicy: 'Any',
          volumeLifecycleModes: ['Forever'],
          nodeAllocatableUpdatePeriodSeconds: 9,
          tokenRequests: [{ audience: 'a', expirationSeconds: 599 }, { audience: 'a' }],
        },
      },
      [
        'spec.fsGroupPolicy: Unsupported value: "Any": supported values: "File", "None", "ReadWriteOnceWithFSType"',
        'spec.tokenRequests[0].expirationSeconds: Invalid value: 599: may not specify a duration less than 10 minutes',
        'spec.tokenRequests[1].audience: Duplicate value: "a"',
        'spec.volumeLifecycleModes: Unsupported value: "Forever": supported values: "Persistent", "Ephemeral"',
        'spec.nodeAllocatableUpdatePeriodSeconds: Invalid value: 9: must be greater than or equal to 10 seconds',
      ],
    ],
    [
      nodes,
      node({ ...driver, nodeID: '', allocatable: { count: -1 } }, { ...driver, topologyKeys: ['a', 'a'] }),
      [
        'spec.drivers[0].nodeID: Required value',
        'spec.drivers[0].allocatable.count: Invalid value: -1: must be greater than or equal to 0',
        'spec.drivers[1].name: Duplicate value: "d.e"',
        'spec.drivers[1]: Duplicate value: "a"',
      ],
    ],
    [
      attachments,
      { spec: { attacher: '', nodeName: 'N', source: {} } },
      [
        'spec.attacher: Required value',
        'spec.source: Required value: must specify exactly one of inlineVolumeSpec and persistentVolumeName',
        expect.stringContaining(`spec.nodeName: Invalid value: "N": ${subdomain}`),
        expect.stringContaining(`spec.attacher: Invalid value: "": ${subdomain}`),
      ],
    ],
    [
      capacities,
      { storageClassName: 'A', capacity: '-1', nodeTopology: { matchLabels: { a: 'b c' } } },
      [
        expect.stringContaining('nodeTopology.matchLabels: Invalid value: "b c": a valid label must be'),
        expect.stringContaining(`storageClassName: Invalid value: "A": ${subdomain}`),
        'capacity: Invalid value: "-1": must be greater than or equal to 0',
      ],
    ],
  ])('are judged (%#)', (judge, content, expected) => {
    expect(judge.ofNew(content)).toEqual(expected);
  });

  it.each<[Judge, object, object, string[]]>([
    [
      classes,
      { provisioner },
      { provisioner: 'd/e', parameters: { a: 'b' }, reclaimPolicy: 'Retain', allowVolumeExpansion: true },
      [forbidden('parameters'), forbidden('provisioner'), forbidden('reclaimPolicy')],
    ],
    [
      attributes,
      { driverName: 'd', parameters: { a: 'b' } },
      { driverName: 'e', parameters: { a: 'c' } },
      [forbidden('driverName'), forbidden('parameters')],
    ],
    [
      drivers,
      { spec: {} },
      { spec: { attachRequired: false } },
      ['spec.attachedRequired: Invalid value: false: field is immutable'],
    ],
    [nodes, node(driver), node({ ...driver, allocatable: { count: 5 } }), []],
    [
      nodes,
      node(driver),
      node({ ...driver, nodeID: 'm' }),
      [
        'spec.drivers: Invalid value: {"Name":"d.e","NodeID":"m","TopologyKeys":null,"Allocatable":null}: field is immutable',
      ],
    ],
    [
      attachments,
      { spec: attached },
      { spec: { ...attached, nodeName: 'm' } },
      [
        'spec: Invalid value: {"Attacher":"d.e","Source":{"PersistentVolumeName":"v","InlineVolumeSpec":null},"NodeName":"m"}: field is immutable',
      ],
    ],
    [
      capacities,
      { storageClassName: 'a' },
      { storageClassName: 'b' },
      ['storageClassName: Invalid value: "b": field is immutable'],
    ],
  ])('keep what they are (%#)', (judge, before, after, expected) => {
    expect(judge.ofChange(before, after)).toEqual(expected);
  });

  it('count what a driver asks for, and keep an attachment from its status writer', () => {
    const changed = drivers.updated({ spec: {} }, { spec: { requiresRepublish: true } });
    expect(changed.metadata.generation).toBe(1);
    const labelled = { metadata: { labels: { a: 'b' } }, spec: attached, status: { attached: true } };
    const written = attachments.updated({ spec: attached }, labelled, 'status');
    expect([written.metadata.labels, written['status']]).toEqual([undefined, { attached: true }]);
    const status = { attached: false, attachError: { message: 'x'.repeat(1025), errorCode: -1 } };
    expect(attachments.ofChange({ spec: attached }, { spec: attached, status }, 'status')).toEqual([
      'status.attachError.message: Too long: may not be more than 262144 bytes',
      'status.attachError.errorCode: Invalid value: -1: must be between 0 and 2147483647, inclusive',
    ]);
  });
});
