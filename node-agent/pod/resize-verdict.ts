import { type AdmissionInput, demandsOf } from './admit-pod.ts';
import type { Verdict } from './pod-facts.ts';

/** Why the node does not give a pod the resources that its spec asks for now; undefined when it does. */
export function resizeRefusalOf(input: AdmissionInput): Verdict | undefined {
  for (const { name, wants, used, has } of demandsOf(input)) {
    if (name !== 'cpu' && name !== 'memory') continue;
    if (wants > has)
      return {
        reason: 'Infeasible',
        message: `Node didn't have enough capacity: ${name}, requested: ${wants}, capacity: ${has}`,
      };
    if (wants + used > has)
      return {
        reason: 'Deferred',
        message: `Node didn't have enough resource: ${name}, requested: ${wants}, used: ${used}, capacity: ${has}`,
      };
  }
  return undefined;
}
