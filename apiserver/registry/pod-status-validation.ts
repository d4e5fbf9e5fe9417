import { isIP } from 'node:net';
import type { Pod, PodCondition, PodStatus } from '../../api/generated/core-v1.ts';
import { validateTransitions } from './container-transitions.ts';
import { duplicate, forbidden, invalid } from './field-error.ts';
import { dnsSubdomainProblems, qualifiedNameProblems } from './names.ts';
import { ipText } from './pod-spec-validation.ts';
import type { FieldError } from './strategy.ts';

/** Mutates: of which generation a status or a condition speaks is not forgotten by a client that does not know. */
export function keepObservedGenerations(next: PodStatus, current: PodStatus): void {
  next.observedGeneration ??= current.observedGeneration;
  const known = new Map<string, (number | undefined)[]>();
  for (const { type, observedGeneration } of current.conditions ?? [])
    known.set(type, [...(known.get(type) ?? []), observedGeneration]);
  for (const condition of next.conditions ?? []) {
    const before = known.get(condition.type)?.shift();
    if (before !== undefined) condition.observedGeneration ??= before;
  }
}

const systemConditions: ReadonlySet<string> = new Set(['PodScheduled', 'Ready', 'Initialized']);
const notNegative = 'must be a non-negative integer';

export function validatePodStatusUpdate(next: Pod, current: Pod): FieldError[] {
  const status: PodStatus = next.status ?? {};
  const errors = validateConditions(status.conditions ?? [], 'status.conditions');
  if ((current.spec.nodeName ?? '') !== (next.spec.nodeName ?? ''))
    errors.push(forbidden('status.nodeName', 'may not be changed directly'));
  errors.push(...validateNomination(status.nominatedNodeName ?? '', current));
  if ((status.observedGeneration ?? 0) < 0)
    errors.push(invalid('status.observedGeneration', status.observedGeneration, notNegative));
  if (status.qosClass !== current.status?.qosClass)
    errors.push(invalid('status.qosClass', status.qosClass ?? '', 'field is immutable'));
  errors.push(...validateTransitions(next, current), ...validateClaimStatuses(next));
  errors.push(...validateIps(status.podIPs ?? [], 'status.podIPs'));
  const hostIps = status.hostIPs ?? [];
  if (hostIps[0] !== undefined && hostIps[0].ip !== (status.hostIP ?? ''))
    errors.push(invalid('status.hostIPs[0].ip', hostIps[0].ip, 'must be equal to `hostIP`'));
  return [...errors, ...validateIps(hostIps, 'status.hostIPs')];
}

function validateConditions(conditions: readonly PodCondition[], field: string): FieldError[] {
  return conditions.flatMap(({ type, observedGeneration }, index) => [
    ...((observedGeneration ?? 0) < 0
      ? [invalid(`${field}[${index}].observedGeneration`, observedGeneration, notNegative)]
      : []),
    ...(systemConditions.has(type)
      ? []
      : qualifiedNameProblems(type).map((problem) => invalid(`${field}[${index}].Type`, type, problem))),
  ]);
}

/** A node is kept free for a pod that waits, not for one that has its node. */
function validateNomination(nominated: string, current: Pod): FieldError[] {
  const field = 'status.nominatedNodeName';
  if (nominated === '' || nominated === current.status?.nominatedNodeName) return [];
  const errors = dnsSubdomainProblems(nominated).map((problem) => invalid(field, nominated, problem));
  if ((current.spec.nodeName ?? '') !== '')
    errors.push(forbidden(field, 'may not be set on pods that are already bound to a node'));
  return errors;
}

function validateClaimStatuses({ spec, status }: Pod): FieldError[] {
  const errors: FieldError[] = [];
  const claims = new Set((spec.resourceClaims ?? []).map(({ name }) => name));
  const seen = new Set<string>();
  for (const [index, { name, resourceClaimName }] of (status?.resourceClaimStatuses ?? []).entries()) {
    const path = `status.resourceClaimStatuses[${index}]`;
    if (!claims.has(name))
      errors.push(invalid(`${path}.name`, name, 'must match the name of an entry in `spec.resourceClaims`'));
    if (seen.has(name)) errors.push(duplicate(`${path}.name`, name));
    seen.add(name);
    if (resourceClaimName === undefined) continue;
    for (const problem of dnsSubdomainProblems(resourceClaimName))
      errors.push(invalid(`${path}.resourceClaimName`, resourceClaimName, problem));
  }
  return errors;
}

/** At most one of each family. */
function validateIps(ips: readonly { readonly ip: string }[], field: string): FieldError[] {
  const errors: FieldError[] = [];
  for (const [index, { ip }] of ips.entries())
    if (isIP(ip) === 0) errors.push(invalid(`${field}[${index}]`, ip, ipText));
  if (ips.length < 2) return errors;
  const shown = ips.map(({ ip }) => ({ IP: ip }));
  if (ips.length > 2 || new Set(ips.map(({ ip }) => isIP(ip))).size < 2)
    errors.push(invalid(field, shown, 'may specify no more than one IP for each IP family'));
  for (const [index, { ip }] of ips.entries())
    if (ips.findIndex((other) => other.ip === ip) < index)
      errors.push(duplicate(`${field}[${index}]`, { IP: ip }));
  return errors;
}
