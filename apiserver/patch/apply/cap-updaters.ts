import { FieldSet } from './field-set.ts';
import { identityOf, type Manager, type Managers } from './managed-fields.ts';

/** Updaters that an object remembers one by one; appliers are all remembered. */
const maxUpdaters = 10;
const oldUpdates = 'ancient-changes';

/**
 * An object that many programs write would grow by each of them: beyond the limit the oldest that wrote in one version
 * become one. The first of a version stays alone until a second one joins it.
 */
export function capUpdaters(managers: Managers): Managers {
  const updaters = [...managers].filter(([, { operation }]) => operation === 'Update').sort(byTime);
  if (updaters.length <= maxUpdaters) return managers;
  const capped = new Map(managers);
  const parts: Parts = new Map();
  const firsts = new Map<string, string>();
  const appliers = managers.size - updaters.length;
  for (const [identity, manager] of updaters) {
    if (capped.size - appliers <= maxUpdaters) break;
    const first = firsts.get(manager.apiVersion);
    if (first === undefined) firsts.set(manager.apiVersion, identity);
    else if (first !== identity && capped.has(identity))
      firsts.set(manager.apiVersion, join(capped, parts, [first, identity]));
  }
  for (const [identity, sets] of parts) {
    const bucket = capped.get(identity);
    if (bucket !== undefined) capped.set(identity, { ...bucket, fields: FieldSet.unionOf(sets) });
  }
  return capped;
}

/** What becomes one, by the identity of the one: united at the end, since each union costs what is in it. */
type Parts = Map<string, FieldSet[]>;

function byTime([leftName, left]: [string, Manager], [rightName, right]: [string, Manager]): number {
  const [one, other] = [`${left.time ?? ''} ${leftName}`, `${right.time ?? ''} ${rightName}`];
  return one < other ? -1 : 1;
}

const bucketOf = ({ apiVersion, time, fields }: Manager): Manager => ({
  ...{ name: oldUpdates, operation: 'Update', apiVersion, subresource: '', time, fields },
});

/** The later of the two gives its time. @returns the identity of the one that they are now */
function join(
  managers: Map<string, Manager>,
  parts: Parts,
  [first, second]: readonly [string, string],
): string {
  const later = managers.get(second);
  if (later === undefined) return first;
  const bucket = bucketOf(later);
  const identity = identityOf(bucket);
  const joined = takePart(managers, parts, first);
  joined.push(...takePart(managers, parts, second), ...takePart(managers, parts, identity));
  managers.set(identity, bucket);
  parts.set(identity, joined);
  return identity;
}

/** Takes a manager out. @returns what it owns */
function takePart(managers: Map<string, Manager>, parts: Parts, identity: string): FieldSet[] {
  const manager = managers.get(identity);
  const sets = parts.get(identity) ?? (manager === undefined ? [] : [manager.fields]);
  managers.delete(identity);
  parts.delete(identity);
  return sets;
}
