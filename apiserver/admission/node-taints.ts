import type { Node } from '../../api/generated/core-v1.ts';
import type { AnyObject } from '../../api/kind-info.ts';
import type { AdmissionAttributes, AdmissionPlugin } from './admission.ts';

const notReady = { key: 'node.kubernetes.io/not-ready', effect: 'NoSchedule' } as const;

/** A new node takes no pods until it has said that it is ready. */
export class TaintNodesByCondition implements AdmissionPlugin {
  readonly name = 'TaintNodesByCondition';

  mutate({ operation, strategy, subresource, object }: AdmissionAttributes): void {
    if (operation !== 'CREATE' || strategy.resource !== '/nodes' || subresource !== '') return;
    if (object === undefined) return;
    const node = object as Node & AnyObject;
    const taints = node.spec?.taints ?? [];
    if (taints.some(({ key, effect }) => key === notReady.key && effect === notReady.effect)) return;
    Object.assign(node, { spec: { ...node.spec, taints: [...taints, { ...notReady }] } });
  }
}
