/**
 * `coracle.dev/v1 peers`: what nodes have to know of one another, a hundredth of what changes in their Node objects.
 *
 * Each agent follows all others. Node objects would bring it 2 KB whenever anything happens to any of them, the status
 * that each writes every few minutes included: with N nodes N x N of them. A Peer changes when an address, a pod range or
 * a node's reach does.
 */
import type { Node } from '../../api/generated/core-v1.ts';
import { type AnyObject, type KindInfo, toApiVersion } from '../../api/kind-info.ts';
import { type Peer, peers } from '../../api/peer.ts';
import { column, nameColumn } from '../registry/columns.ts';
import { GenericStrategy } from '../registry/generic-strategy.ts';
import type { AnyKindRules, KindRules } from '../registry/kind-rules.ts';
import type { Registry } from '../registry/registry.ts';
import type { KindStrategy } from '../registry/strategy.ts';
import type { Derivation } from '../watch-cache/derived.ts';

/** Taints that say that a node's pods cannot be reached. */
const unreachableTaints: ReadonlySet<string> = new Set([
  'node.kubernetes.io/unreachable',
  'coracle.dev/node-dead',
]);

export const peerKind: KindInfo = {
  ...peers,
  singular: 'peer',
  verbs: ['get', 'list', 'watch'],
  shortNames: [],
  categories: [],
  subresources: [],
  schema: '',
};

const rules: KindRules<Peer> = {
  type: peers,
  columns: [
    nameColumn,
    column('Addresses', 'Where the node is reached.', ({ addresses }) => (addresses ?? []).join(',')),
    column('PodCIDRs', 'The ranges of its pods.', ({ podCIDRs }) => (podCIDRs ?? []).join(',')),
    column(
      'Unreachable',
      'Whether nobody can reach its pods.',
      ({ unreachable }) => unreachable ?? false,
      'boolean',
    ),
  ],
};

export const peerStrategy = ({ schemas }: Registry): KindStrategy =>
  new GenericStrategy(peerKind, rules as AnyKindRules, schemas);

export const peerDerivation: Derivation = {
  source: '/nodes',
  resource: `${peers.group}/${peers.plural}`,
  kind: peers.kind,
  apiVersion: toApiVersion(peers),
  fieldsOf: (node) => peerFieldsOf(node as AnyObject & Node),
};

/** What is empty is left out. */
export function peerFieldsOf({ spec, status }: Node): Omit<Peer, keyof AnyObject> & Partial<Peer> {
  const addresses = (status?.addresses ?? [])
    .filter(({ type }) => type === 'InternalIP')
    .map(({ address }) => address);
  const podCIDRs = spec?.podCIDRs ?? (spec?.podCIDR === undefined ? [] : [spec.podCIDR]);
  const isUnreachable = (spec?.taints ?? []).some(({ key }) => unreachableTaints.has(key));
  return {
    ...(addresses.length === 0 ? {} : { addresses }),
    ...(podCIDRs.length === 0 ? {} : { podCIDRs }),
    ...(isUnreachable ? { unreachable: true } : {}),
  };
}
