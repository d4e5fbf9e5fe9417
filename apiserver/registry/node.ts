import type { Node, NodeSpec, Taint } from '../../api/generated/core-v1.ts';
import { nodes } from '../../api/generated/resources.ts';
import { ageColumn, column, nameColumn, wide } from './columns.ts';
import { duplicate, forbidden, invalid, required, unsupported } from './field-error.ts';
import { cidrText, isCidr } from './ip-ranges.ts';
import type { KindRules } from './kind-rules.ts';
import { labelValueProblems, qualifiedNameProblems } from './names.ts';
import { roundToMillis } from './pod-spec-defaults.ts';
import { validateResourceAmount } from './resource-validation.ts';
import type { FieldError } from './strategy.ts';

const effects = ['NoSchedule', 'PreferNoSchedule', 'NoExecute'];
const rolePrefix = 'node-role.kubernetes.io/';

function validateTaints(taints: readonly Taint[]): FieldError[] {
  const errors: FieldError[] = [];
  const seen = new Set<string>();
  for (const [index, taint] of taints.entries()) {
    // Kubernetes names them so, wherever they are.
    const path = `metadata.taints[${index}]`;
    for (const problem of qualifiedNameProblems(taint.key))
      errors.push(invalid(`${path}.key`, taint.key, problem));
    const problems = labelValueProblems(taint.value ?? '');
    if (problems.length > 0) errors.push(invalid(`${path}.value`, taint.value, problems.join(';')));
    if (taint.effect === '') errors.push(required(`${path}.effect`));
    else if (!effects.includes(taint.effect))
      errors.push(unsupported(`${path}.effect`, taint.effect, effects));
    const key = `${taint.key}/${taint.effect}`;
    if (seen.has(key)) {
      const { key: Key, value: Value = '', effect: Effect, timeAdded: TimeAdded = null } = taint;
      const error = duplicate(path, { Key, Value, Effect, TimeAdded });
      errors.push({ ...error, message: `${error.message}: taints must be unique by key and effect pair` });
    }
    seen.add(key);
  }
  return errors;
}

function validatePodCidrs(cidrs: readonly string[]): FieldError[] {
  const field = 'spec.podCIDRs';
  const errors = cidrs.flatMap((cidr, index) =>
    isCidr(cidr) ? [] : [invalid(`${field}[${index}]`, cidr, cidrText)],
  );
  if (cidrs.length < 2) return errors;
  const families = new Set(cidrs.map((cidr) => cidr.includes(':')));
  if (families.size < 2 || cidrs.length > 2)
    errors.push(invalid(field, cidrs, 'may specify no more than one CIDR for each IP family'));
  for (const [index, cidr] of cidrs.entries())
    if (cidrs.indexOf(cidr) < index) errors.push(duplicate(`${field}[${index}]`, cidr));
  return errors;
}

function validateAmounts(node: Node): FieldError[] {
  const errors: FieldError[] = [];
  for (const list of ['capacity', 'allocatable'] as const)
    for (const [name, amount] of Object.entries(node.status?.[list] ?? {}))
      errors.push(...validateResourceAmount(name, amount, `status.${list}.${name}`));
  return errors;
}

function validateAddresses(node: Node): FieldError[] {
  const seen = new Set<string>();
  return (node.status?.addresses ?? []).flatMap(({ type, address }, index) => {
    const key = `${type} ${address}`;
    if (seen.has(key)) return [duplicate(`status.addresses[${index}]`, { Type: type, Address: address })];
    seen.add(key);
    return [];
  });
}

function validateUpdate(next: Node, current: Node): FieldError[] {
  const errors: FieldError[] = [];
  const before = current.spec?.podCIDRs ?? [];
  const after = next.spec?.podCIDRs ?? [];
  if (before.length > 0 && JSON.stringify(before) !== JSON.stringify(after))
    errors.push(forbidden('spec.podCIDRs', 'node updates may not change podCIDR except from "" to valid'));
  const provider = current.spec?.providerID ?? '';
  if (provider !== '' && provider !== next.spec?.providerID)
    errors.push(
      forbidden('spec.providerID', 'node updates may not change providerID except from "" to valid'),
    );
  return errors;
}

function statusText(node: Node): string {
  const ready = (node.status?.conditions ?? []).find(({ type }) => type === 'Ready');
  const words = [ready === undefined ? 'Unknown' : ready.status === 'True' ? 'Ready' : 'NotReady'];
  if (node.spec?.unschedulable === true) words.push('SchedulingDisabled');
  return words.join(',');
}

function rolesText(node: Node): string {
  const roles = Object.entries(node.metadata.labels ?? {}).flatMap(([key, value]) => {
    if (key.startsWith(rolePrefix) && key.length > rolePrefix.length) return [key.slice(rolePrefix.length)];
    return key === 'kubernetes.io/role' && value !== '' ? [value] : [];
  });
  return [...new Set(roles)].sort().join(',') || '<none>';
}

function addressOf(node: Node, wanted: string): string {
  return (node.status?.addresses ?? []).find(({ type }) => type === wanted)?.address ?? '<none>';
}

const orUnknown = (text: string | undefined): string =>
  text === undefined || text === '' ? '<unknown>' : text;

/** The older field is the first of the newer one; where they differ, the older one counts. */
function alignPodCidrs(spec: NodeSpec): void {
  const cidr = spec.podCIDR ?? '';
  const [first] = spec.podCIDRs ?? [];
  if (cidr === '' && first !== undefined) spec.podCIDR = first;
  else if (cidr !== '' && cidr !== first) spec.podCIDRs = [cidr];
}

export const nodeRules: KindRules<Node> = {
  type: nodes,
  keepsStatusAtCreate: true,
  setDefaults(node) {
    alignPodCidrs(node.spec ?? {});
    const status = node.status;
    if (status === undefined) return;
    if (status.capacity !== undefined) {
      roundToMillis(status.capacity);
      status.allocatable ??= { ...status.capacity };
    }
    if (status.allocatable !== undefined) roundToMillis(status.allocatable);
  },
  prepareForUpdate(next, current) {
    if (next.status === undefined && current.status !== undefined) next.status = current.status;
  },
  validate: (node) => [
    ...validatePodCidrs(node.spec?.podCIDRs ?? []),
    ...validateTaints(node.spec?.taints ?? []),
    ...validateAmounts(node),
  ],
  validateUpdate,
  validateStatus: (node) => [...validateAmounts(node), ...validateAddresses(node)],
  selectableFields: { 'spec.unschedulable': (node) => String(node.spec?.unschedulable ?? false) },
  columns: [
    nameColumn,
    column('Status', 'The status of the node', statusText),
    column('Roles', 'The roles of the node', rolesText),
    ageColumn,
    column(
      'Version',
      'Kubelet Version reported by the node.',
      (node) => node.status?.nodeInfo?.kubeletVersion ?? '',
    ),
    wide(column('Internal-IP', 'Internal IP of the node', (node) => addressOf(node, 'InternalIP'))),
    wide(column('External-IP', 'External IP of the node', (node) => addressOf(node, 'ExternalIP'))),
    wide(
      column('OS-Image', 'OS Image reported by the node.', (node) =>
        orUnknown(node.status?.nodeInfo?.osImage),
      ),
    ),
    wide(
      column('Kernel-Version', 'Kernel Version reported by the node.', (node) =>
        orUnknown(node.status?.nodeInfo?.kernelVersion),
      ),
    ),
    wide(
      column('Container-Runtime', 'ContainerRuntime Version reported by the node.', (node) =>
        orUnknown(node.status?.nodeInfo?.containerRuntimeVersion),
      ),
    ),
  ],
};
