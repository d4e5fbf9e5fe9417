import type { Pod, Toleration } from '../../api/generated/core-v1.ts';
import type { AnyObject } from '../../api/kind-info.ts';
import type { AdmissionAttributes, AdmissionPlugin } from './admission.ts';

/** How long a pod stays bound to a node that is not ready or not reachable. */
const tolerationSeconds = 300;
const taints = ['node.kubernetes.io/not-ready', 'node.kubernetes.io/unreachable'];

/** Pods that do not say otherwise tolerate a missing node for five minutes. */
export class DefaultTolerationSeconds implements AdmissionPlugin {
  readonly name = 'DefaultTolerationSeconds';

  mutate({ operation, strategy, subresource, object }: AdmissionAttributes): void {
    if (strategy.resource !== '/pods' || subresource !== '') return;
    if (operation !== 'CREATE' && operation !== 'UPDATE') return;
    const { spec } = object as Pod & AnyObject;
    if (spec === undefined) return;
    const present = spec.tolerations ?? [];
    const missing = taints.filter((taint) => !present.some((toleration) => isFor(toleration, taint)));
    if (missing.length === 0) return;
    const added = missing.map((key): Toleration => {
      return { key, operator: 'Exists', effect: 'NoExecute', tolerationSeconds };
    });
    Object.assign(spec, { tolerations: [...present, ...added] });
  }
}

const isFor = ({ key = '', effect = '' }: Toleration, taint: string): boolean =>
  (key === taint || key === '') && (effect === 'NoExecute' || effect === '');
