/**
 * Rights of this project's own programs, beside those that Kubernetes gives to its own.
 *
 * The controllers are one process with one identity, so they hold what all their parts hold: `coracle:controllers` is the union of
 * Kubernetes' controller roles.
 */
import { compactRules, missingRules, type Rule } from '../rbac/policy-rule.ts';
import { controllerRoles } from './controller-roles.ts';
import { events, type NamedRules, on, read } from './rule-table.ts';

const controllerRules: readonly Rule[] = controllerRoles.flatMap(({ rules }) => rules);
/** The garbage collector and the namespace controller delete whatever there is. */
const ofEverything: readonly Rule[] = controllerRules.filter(
  ({ resources }) => resources?.includes('*') === true,
);
const union: readonly Rule[] = [...ofEverything, ...missingRules(ofEverything, controllerRules)];

/** Leases of the program's own name, for the election of a leader. */
const leadership = (lease: string): Rule[] => [
  on('coordination.k8s.io', 'leases', 'create'),
  on('coordination.k8s.io', 'leases', 'get update', lease),
];

export const ownRoles: readonly NamedRules[] = [
  {
    name: 'coracle:controllers',
    rules: [
      ...compactRules(union),
      on('coracle.dev', 'bulkevents', 'create'),
      // The class of local volumes is theirs to make.
      on('storage.k8s.io', 'storageclasses', 'create'),
      // Kubernetes leaves serving certificates of nodes to people; ours are approved for what the node is.
      on('certificates.k8s.io', 'signers', 'approve', 'kubernetes.io/kubelet-serving'),
    ],
  },
  {
    name: 'coracle:scheduler',
    rules: [
      on('coracle.dev', 'bulkbindings bulkevents bulkpreemptions', 'create'),
      on('scheduling.x-k8s.io', 'podgroups', read),
      // Rebalancing: looks at who owns a pod, marks it, and evicts it when its replacement is ready.
      on('apps', 'deployments', 'get'),
      on('core', 'pods', 'patch'),
      on('core', 'pods/eviction', 'create'),
    ],
  },
  {
    name: 'coracle:detector',
    rules: [
      on('core', 'nodes', `patch ${read}`),
      on('core', 'nodes/status', 'patch'),
      on('coordination.k8s.io', 'leases', read),
      // Agents tell it that they live; it writes so into their Leases, and nothing else.
      on('coracle.dev', 'bulkrenewals', 'create'),
      ...leadership('coracle-detector'),
      events,
    ],
  },
  {
    // A node is part of the network: it needs the others' addresses and everybody's endpoints.
    name: 'coracle:node',
    rules: [
      on('coracle.dev', 'peers', read),
      on('coracle.dev', 'bulkevents', 'create'),
      on('core', 'services', read),
      on('discovery.k8s.io', 'endpointslices', read),
      on('events.k8s.io', 'events', 'create patch update'),
    ],
  },
];
