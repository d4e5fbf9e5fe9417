import { discoveredKinds } from '../../api/generated/kinds.ts';
import type { KindInfo } from '../../api/kind-info.ts';
import { MessageReader } from '../decode/protobuf/message-reader.ts';
import { Schemas } from '../decode/schema.ts';
import { GenericStrategy } from './generic-strategy.ts';
import type { AnyKindRules } from './kind-rules.ts';
import { kindRules } from './kinds.ts';
import { noActorWarnings } from './no-actor.ts';
import type { KindStrategy } from './strategy.ts';

/** Every kind that is stored. Adding one is a line in `kinds.ts`. */
export interface Registry {
  readonly all: readonly KindStrategy[];
  readonly schemas: Schemas;
  /** Reads protobuf bodies of them. */
  readonly messages: MessageReader;
  byResource(group: string, version: string, plural: string): KindStrategy | undefined;
  byKind(group: string, version: string, kind: string): KindStrategy | undefined;
}

const rulesKey = (type: {
  readonly group: string;
  readonly version: string;
  readonly plural: string;
}): string => `${type.group}/${type.version}/${type.plural}`;

const plainRules = (kind: KindInfo): AnyKindRules => ({
  type: kind,
});

const withNoActorWarnings = (kind: KindInfo, rules: AnyKindRules): AnyKindRules => ({
  ...rules,
  warnings: (object, previous) => [
    ...(rules.warnings?.(object, previous) ?? []),
    ...noActorWarnings(kind, object, previous),
  ],
});

/** `namesNoActor`: writes warn of what nothing in the cluster acts upon (see `no-actor.ts`). */
export function createRegistry(options: { readonly namesNoActor?: boolean } = {}): Registry {
  const schemas = new Schemas();
  const rules = new Map(kindRules.map((entry) => [rulesKey(entry.type), entry]));
  const all = discoveredKinds
    .filter((kind) => kind.verbs.includes('list') && kind.kind !== 'ComponentStatus')
    .map((kind) => {
      const own = rules.get(rulesKey(kind)) ?? plainRules(kind);
      return new GenericStrategy(
        kind,
        options.namesNoActor === true ? withNoActorWarnings(kind, own) : own,
        schemas,
      );
    });
  const byResource = new Map(all.map((strategy) => [rulesKey(strategy.kind), strategy]));
  const byKind = new Map(
    all.map(({ kind }) => [`${kind.group}/${kind.version}/${kind.kind}`, byResource.get(rulesKey(kind))]),
  );
  return {
    all,
    schemas,
    messages: new MessageReader(schemas),
    byResource: (group, version, plural) => byResource.get(`${group}/${version}/${plural}`),
    byKind: (group, version, kind) => byKind.get(`${group}/${version}/${kind}`),
  };
}
