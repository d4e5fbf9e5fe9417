const allowedLabels: ReadonlySet<string> = new Set([
  'kubernetes.io/hostname',
  'kubernetes.io/os',
  'kubernetes.io/arch',
  'topology.kubernetes.io/zone',
  'topology.kubernetes.io/region',
  'failure-domain.beta.kubernetes.io/zone',
  'failure-domain.beta.kubernetes.io/region',
  'node.kubernetes.io/instance-type',
  'node.kubernetes.io/windows-build',
  'beta.kubernetes.io/instance-type',
  'beta.kubernetes.io/os',
  'beta.kubernetes.io/arch',
]);
const allowedPrefixes: readonly string[] = ['kubelet.kubernetes.io', 'node.kubernetes.io'];
const restrictedPrefix = 'node-restriction.kubernetes.io';

type Labels = Readonly<Record<string, string>>;

/** Labels that differ and that a node may not give itself, because workloads are steered by them; sorted. */
export function forbiddenLabels(next: Labels = {}, current: Labels = {}): string[] {
  const changed = [...new Set([...Object.keys(next), ...Object.keys(current)])].filter(
    (key) => next[key] !== current[key],
  );
  return changed.filter(isForbidden).sort();
}

function isForbidden(label: string): boolean {
  const slash = label.indexOf('/');
  const prefix = slash < 0 ? '' : label.slice(0, slash);
  if (isWithin(prefix, restrictedPrefix)) return true;
  if (!isWithin(prefix, 'kubernetes.io') && !isWithin(prefix, 'k8s.io')) return false;
  return !allowedLabels.has(label) && !allowedPrefixes.some((allowed) => isWithin(prefix, allowed));
}

const isWithin = (prefix: string, domain: string): boolean =>
  prefix === domain || prefix.endsWith(`.${domain}`);
