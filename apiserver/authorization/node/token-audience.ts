import type { PersistentVolume, PersistentVolumeClaim, Pod } from '../../../api/generated/core-v1.ts';
import type { CSIDriver } from '../../../api/generated/storage-v1.ts';
import type { CachedObject, ReadCache } from '../../watch-cache/read-cache.ts';
import { namesOf } from './pod-references.ts';

/**
 * Whether something of a pod wants tokens for `audience` (empty: for this API server): a projected volume, or the driver of one of its
 * volumes. What nothing of it wants its node has no use for.
 * @see https://kubernetes.io/docs/reference/access-authn-authz/node/#service-account-token-audience-restriction
 */
export function wantsAudience(cache: Pick<ReadCache, 'get'>, found: CachedObject, audience: string): boolean {
  const pod = parse<Pod>(found);
  const volumes = pod.spec?.volumes ?? [];
  const sources = volumes.flatMap(({ projected }) => projected?.sources ?? []);
  if (
    sources.some(
      ({ serviceAccountToken: token }) => token !== undefined && (token.audience ?? '') === audience,
    )
  )
    return true;
  const drivers = [
    ...volumes.map(({ csi }) => csi?.driver),
    ...namesOf(pod, 'persistentvolumeclaims').map((claim) => driverOf(cache, found.namespace, claim ?? '')),
  ];
  return drivers.some((driver) => {
    const known = cache.get('storage.k8s.io/csidrivers', '', driver ?? '');
    const requests = known === undefined ? [] : (parse<CSIDriver>(known).spec.tokenRequests ?? []);
    return requests.some((request) => request.audience === audience);
  });
}

function driverOf(cache: Pick<ReadCache, 'get'>, namespace: string, claimName: string): string | undefined {
  const claim = cache.get('/persistentvolumeclaims', namespace, claimName);
  const volumeName = claim && parse<PersistentVolumeClaim>(claim).spec?.volumeName;
  const volume = cache.get('/persistentvolumes', '', volumeName ?? '');
  return volume && parse<PersistentVolume>(volume).spec?.csi?.driver;
}

const parse = <T>(object: CachedObject): T => JSON.parse(object.json.toString());
