import type { Lease } from '../../api/generated/coordination-v1.ts';
import type { AnyObject } from '../../api/kind-info.ts';
import type { Clock } from '../../base/clock.ts';
import { problemOfStore } from '../health-checks.ts';
import type { Storage } from '../storage/storage.ts';
import type { ReadCache } from '../watch-cache/read-cache.ts';

export interface ComponentDependencies {
  readonly cache: Pick<ReadCache, 'get'>;
  readonly clock: Clock;
  readonly storage: Storage;
}

/** What is wrong with a component; undefined when nothing is. */
type ComponentCheck = (deps: ComponentDependencies) => Promise<string | undefined>;

const leases = { resource: 'coordination.k8s.io/leases', namespace: 'kube-system' };

/** Somebody leads as long as its Lease is renewed in time: whoever it is, and wherever it runs. */
const leads =
  (lease: string): ComponentCheck =>
  async ({ cache, clock }) => {
    const found = cache.get(leases.resource, leases.namespace, lease);
    if (found === undefined) return `no ${lease} has ever led: there is no lease ${lease}`;
    const { spec } = JSON.parse(found.json.toString()) as Lease;
    if ((spec?.holderIdentity ?? '') === '') return `no ${lease} leads: nobody holds the lease ${lease}`;
    const agoMs = clock.nowMs() - Date.parse(spec?.renewTime ?? '');
    if (agoMs <= (spec?.leaseDurationSeconds ?? 0) * 1000) return undefined;
    return `${spec?.holderIdentity} has not renewed the lease ${lease} since ${spec?.renewTime}`;
  };

/** By name, in the order in which lists have them. */
export const components: ReadonlyMap<string, ComponentCheck> = new Map([
  ['controller-manager', leads('kube-controller-manager')],
  ['etcd-0', problemOfStore],
  ['scheduler', leads('kube-scheduler')],
]);

/** A ComponentStatus. @see core/v1 */
export async function componentStatus(
  deps: ComponentDependencies,
  name: string,
  check: ComponentCheck,
): Promise<AnyObject> {
  const problem = await check(deps);
  const healthy = { type: 'Healthy', status: 'True', message: 'ok' };
  const condition = problem === undefined ? healthy : { ...healthy, status: 'False', message: problem };
  const metadata = { name } as AnyObject['metadata'];
  return { kind: 'ComponentStatus', apiVersion: 'v1', metadata, conditions: [condition] };
}
