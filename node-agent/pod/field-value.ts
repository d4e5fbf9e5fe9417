import type { Container, Pod, ResourceFieldSelector } from '../../api/generated/core-v1.ts';
import { toMillis, toUnits } from '../../api/quantity.ts';
import { containerNamed } from './pod-spec.ts';

/** What the downward API tells of the node. */
export interface NodeFacts {
  readonly nodeName: string;
  readonly hostIps: readonly string[];
  /** Stands in for a limit that a container does not have. */
  readonly allocatable: Readonly<Record<string, string>>;
}

/** Addresses are unknown until the sandbox stands. */
export interface FieldContext extends NodeFacts {
  readonly pod: Pod;
  readonly podIps: readonly string[];
}

/** @returns undefined when there is no such field. */
export function fieldValue(fieldPath: string, context: FieldContext): string | undefined {
  const { metadata, spec } = context.pod;
  const subscript = /^metadata\.(labels|annotations)\['(.*)'\]$/.exec(fieldPath);
  if (subscript !== null)
    return (subscript[1] === 'labels' ? metadata.labels : metadata.annotations)?.[subscript[2] ?? ''] ?? '';
  switch (fieldPath) {
    case 'metadata.name':
      return metadata.name;
    case 'metadata.namespace':
      return metadata.namespace ?? '';
    case 'metadata.uid':
      return metadata.uid;
    case 'metadata.labels':
      return formatMap(metadata.labels);
    case 'metadata.annotations':
      return formatMap(metadata.annotations);
    case 'spec.nodeName':
      return spec.nodeName ?? context.nodeName;
    case 'spec.serviceAccountName':
      return spec.serviceAccountName ?? '';
    case 'status.hostIP':
      return context.hostIps[0] ?? '';
    case 'status.hostIPs':
      return context.hostIps.join(',');
    case 'status.podIP':
      return context.podIps[0] ?? '';
    case 'status.podIPs':
      return context.podIps.join(',');
    default:
      return undefined;
  }
}

/** One `key="value"` a line, sorted. */
function formatMap(map: Readonly<Record<string, string>> | undefined): string {
  return Object.entries(map ?? {})
    .sort(([left], [right]) => (left < right ? -1 : 1))
    .map(([key, value]) => `${key}=${JSON.stringify(value)}`)
    .join('\n');
}

/** A container's request or limit in units of the divisor, rounded up. @returns undefined when there is no such field. */
export function resourceFieldValue(
  selector: ResourceFieldSelector,
  own: Container | undefined,
  context: FieldContext,
): string | undefined {
  const container =
    selector.containerName === undefined || selector.containerName === ''
      ? own
      : containerNamed(context.pod, selector.containerName)?.spec;
  const [list, name] = splitResource(selector.resource);
  if (container === undefined || name === undefined || (list !== 'limits' && list !== 'requests'))
    return undefined;
  const { limits, requests } = container.resources ?? {};
  const quantity =
    list === 'limits'
      ? (limits?.[name] ?? context.allocatable[name] ?? '0')
      : (requests?.[name] ?? limits?.[name] ?? '0');
  const divisor = selector.divisor === undefined || selector.divisor === '0' ? '1' : selector.divisor;
  const isCpu = name === 'cpu';
  const value = isCpu ? toMillis(quantity) / toMillis(divisor) : toUnits(quantity) / toUnits(divisor);
  return String(Math.ceil(value));
}

function splitResource(resource: string): [string, string | undefined] {
  const dot = resource.indexOf('.');
  return dot === -1 ? [resource, undefined] : [resource.slice(0, dot), resource.slice(dot + 1)];
}
