import { persistentvolumeclaims, pods, services } from '../../api/generated/resources.ts';
import type { ApiObject, ResourceType } from '../../api/kind-info.ts';
import { coveredNames } from '../../api/quota-usage.ts';

export type CountedKind = ResourceType<ApiObject>;

export const storageResource = ({ group, plural }: CountedKind): string => `${group}/${plural}`;

/** Kinds of which more than their number counts. */
const measured: readonly CountedKind[] = [pods, services, persistentvolumeclaims];
const oldCounts = ['configmaps', 'resourcequotas', 'replicationcontrollers', 'secrets'];

/** Whether a name counts objects of the kind that it names. */
export const isCountName = (name: string): boolean => name.startsWith('count/') || oldCounts.includes(name);

export interface CountedNames {
  readonly kind: CountedKind;
  /** Those of the quota's names that objects of this kind count against. */
  readonly names: readonly string[];
  /** Whether it is enough to know how many there are. */
  readonly onlyNumber: boolean;
}

/** Pure: which kinds the names of a quota are about. Kinds that the server does not have are left out. */
export function countedKinds(
  names: readonly string[],
  find: (group: string, plural: string) => CountedKind | undefined,
): CountedNames[] {
  const kinds = new Map<string, CountedKind>(measured.map((kind) => [storageResource(kind), kind]));
  for (const name of names) {
    if (!isCountName(name)) continue;
    const [plural = '', ...group] = name.replace(/^count\//, '').split('.');
    const kind = find(group.join('.'), plural);
    if (kind?.namespaced && !kinds.has(storageResource(kind))) kinds.set(storageResource(kind), kind);
  }
  return [...kinds.values()].flatMap((kind) => {
    const own = coveredNames(storageResource(kind), names);
    if (own.length === 0) return [];
    return [{ kind, names: own, onlyNumber: !measured.includes(kind) || own.every(isNumber) }];
  });
}

const isNumber = (name: string): boolean =>
  name.startsWith('count/') || name === 'services' || name === 'persistentvolumeclaims';
