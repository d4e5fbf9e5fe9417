import type { Service } from '../../api/generated/core-v1.ts';
import type { EndpointSlice } from '../../api/generated/discovery-v1.ts';
import type { AnyObject } from '../../api/kind-info.ts';
import { annotationLines, type Outline, pairs } from './outline.ts';
import type { Related } from './registry.ts';

export function describeService(outline: Outline, object: AnyObject, related: Related): void {
  const { metadata, spec, status } = object as AnyObject & Service;
  outline.field('Name', metadata.name).field('Namespace', metadata.namespace);
  outline.field('Labels', pairs(metadata.labels)).field('Annotations', annotationLines(metadata.annotations));
  const selector = Object.entries(spec.selector ?? {}).map(([key, value]) => `${key}=${value}`);
  outline.field('Selector', selector.sort().join(','));
  outline.field('Type', spec.type);
  if (spec.ipFamilyPolicy !== undefined) outline.field('IP Family Policy', spec.ipFamilyPolicy);
  outline.field('IP Families', (spec.ipFamilies ?? []).join(','));
  outline.row(['IP:', spec.clusterIP ?? ''], 0).field('IPs', (spec.clusterIPs ?? []).join(','));
  if (spec.externalIPs !== undefined) outline.field('External IPs', spec.externalIPs.join(','));
  if (spec.externalName !== undefined && spec.externalName !== '')
    outline.field('External Name', spec.externalName);
  const ingress = (status?.loadBalancer?.ingress ?? []).map((entry) => {
    const mode = entry.ipMode === undefined ? '' : ` (${entry.ipMode})`;
    return entry.ip === undefined ? (entry.hostname ?? '') : `${entry.ip}${mode}`;
  });
  if (ingress.length > 0) outline.field('LoadBalancer Ingress', ingress.join(', '));
  for (const port of spec.ports ?? []) {
    const name = port.name === undefined || port.name === '' ? '<unset>' : port.name;
    outline.field('Port', `${name}  ${port.port}/${port.protocol ?? 'TCP'}`);
    outline.field('TargetPort', `${port.targetPort ?? port.port}/${port.protocol ?? 'TCP'}`);
    if ((port.nodePort ?? 0) > 0)
      outline.field('NodePort', `${name}  ${port.nodePort}/${port.protocol ?? 'TCP'}`);
    const slices = related.slices as readonly (AnyObject & EndpointSlice)[];
    outline.row(['Endpoints:', slices.length === 0 ? '<none>' : endpointsText(slices, port.name)], 0);
  }
  outline.field('Session Affinity', spec.sessionAffinity ?? 'None');
  if (spec.externalTrafficPolicy !== undefined)
    outline.field('External Traffic Policy', spec.externalTrafficPolicy);
  if (spec.internalTrafficPolicy !== undefined)
    outline.field('Internal Traffic Policy', spec.internalTrafficPolicy);
}

/** As kubectl: three at most, and how many more there are. */
function endpointsText(slices: readonly EndpointSlice[], portName: string | undefined): string {
  const targets = slices.flatMap((slice) => {
    const port = slice.ports?.find(({ name }) => (name ?? '') === (portName ?? ''))?.port;
    const ready = (slice.endpoints ?? []).filter(({ conditions }) => conditions?.ready !== false);
    return port === undefined ? [] : ready.flatMap(({ addresses }) => addresses.map((ip) => `${ip}:${port}`));
  });
  const more = targets.length > 3 ? ` + ${targets.length - 3} more...` : '';
  return targets.slice(0, 3).join(',') + more;
}
