import type { Pod, PodSpec, PodTemplateSpec } from '../../api/generated/core-v1.ts';
import { parseQuantity } from '../../api/quantity.ts';
import { podNotCarriedOut, podSpecNotCarriedOut } from './not-carried-out.ts';

const byteResources = ['memory', 'ephemeral-storage'];

/** The same for what makes pods, and what of it is stored only. */
export function templateWarnings(template: PodTemplateSpec | undefined, field: string): string[] {
  const spec = template?.spec;
  return spec === undefined ? [] : [...podSpecWarnings(spec, field), ...podSpecNotCarriedOut(spec, field)];
}

/** What Kubernetes itself warns about in a new pod or template. */
export function podSpecWarnings(spec: PodSpec, field: string): string[] {
  const warnings: string[] = [];
  for (const list of ['initContainers', 'containers'] as const)
    for (const [index, container] of (spec[list] ?? []).entries()) {
      const path = `${field}.${list}[${index}]`;
      for (const kind of ['limits', 'requests'] as const)
        warnings.push(...fractionalBytes(container.resources?.[kind], `${path}.resources.${kind}`));
      warnings.push(...hiddenVariables(container.env ?? [], `${path}.env`));
    }
  if (spec.terminationGracePeriodSeconds !== undefined && spec.terminationGracePeriodSeconds < 0)
    warnings.push(
      `${field}.terminationGracePeriodSeconds: must be >= 0; negative values are invalid and will be treated as 1`,
    );
  return warnings;
}

function fractionalBytes(list: Readonly<Record<string, string>> | undefined, field: string): string[] {
  return byteResources.flatMap((name) => {
    const amount = list?.[name];
    if (amount === undefined || parseQuantity(amount).nanos % 1_000_000_000n === 0n) return [];
    return [
      `${field}[${name}]: fractional byte value ${JSON.stringify(amount)} is invalid, must be an integer`,
    ];
  });
}

function hiddenVariables(env: readonly { readonly name: string }[], field: string): string[] {
  const seen = new Set<string>();
  const warnings: string[] = [];
  for (const [index, { name }] of env.entries()) {
    if (seen.has(name))
      warnings.push(
        `${field}[${index}]: hides previous definition of ${JSON.stringify(name)}, which may be dropped when using apply`,
      );
    seen.add(name);
  }
  return warnings;
}

export function podWarnings(pod: Pod, previous: Pod | undefined): string[] {
  return previous === undefined ? [...podSpecWarnings(pod.spec, 'spec'), ...podNotCarriedOut(pod)] : [];
}
