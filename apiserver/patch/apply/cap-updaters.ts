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
  const firsts = new Map<string, string>();
  const appliers = managers.size - updaters.length;
  for (const [identity, manager] of updaters) {
    if (capped.size - appliers <= maxUpdaters) break;
    const first = firsts.get(manager.apiVersion);
    if (first === undefined) firsts.set(manager.apiVersion, identity);
    else if (first !== identity && capped.has(identity)) {
      join(capped, first, identity);
      firsts.set(manager.apiVersion, identityOf(bucketOf(manager)));
    }
  }
  return capped;
}

function byTime([leftName, left]: [string, Manager], [rightName, right]: [string, Manager]): number {
  const [one, other] = [`${left.time ?? ''} ${leftName}`, `${right.time ?? ''} ${rightName}`];
  return one < other ? -1 : 1;
}

const bucketOf = ({ apiVersion, time, fields }: Manager): Manager => ({
  ...{ name: oldUpdates, operation: 'Update', apiVersion, subresource: '', time, fields },
});

/** The later of the two gives its time. */
function join(managers: Map<string, Manager>, first: string, second: string): void {
  const [earlier, later] = [managers.get(first), managers.get(second)];
  if (earlier === undefined || later === undefined) return;
  managers.delete(first);
  managers.delete(second);
  const bucket = bucketOf(later);
  const before = managers.get(identityOf(bucket));
  const fields = earlier.fields.union(later.fields);
  managers.set(identityOf(bucket), {
    ...bucket,
    fields: before === undefined ? fields : fields.union(before.fields),
  });
}
