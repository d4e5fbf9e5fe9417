import type { Service, ServicePort } from '../../api/generated/core-v1.ts';
import { services } from '../../api/generated/resources.ts';
import { describe } from './column-descriptions.ts';
import { ageColumn, column, formatLabels, nameColumn, wide } from './columns.ts';
import type { KindRules } from './kind-rules.ts';
import { dns1035LabelName } from './names.ts';
import { serviceNotCarriedOut } from './not-carried-out.ts';
import {
  carryAllocations,
  isExternallyAccessible,
  needsClusterIp,
  setIpFamilies,
  setServiceDefaults,
} from './service-defaults.ts';
import { validateService, validateServiceUpdate } from './service-validation.ts';

const about = (name: string): string => describe('Service', name);

function externalIp({ spec, status }: Service): string {
  const external = spec.externalIPs ?? [];
  switch (spec.type) {
    case 'ExternalName':
      return spec.externalName ?? '';
    case 'LoadBalancer': {
      const ingress = (status?.loadBalancer?.ingress ?? []).map((entry) => entry.ip ?? entry.hostname ?? '');
      const all = [...ingress, ...external];
      return all.length > 0 ? all.join(',') : '<pending>';
    }
    default:
      return external.length > 0 ? external.join(',') : '<none>';
  }
}

function portText(port: ServicePort): string {
  const nodePort = (port.nodePort ?? 0) > 0 ? `:${port.nodePort}` : '';
  return `${port.port}${nodePort}/${port.protocol}`;
}

export const serviceRules: KindRules<Service> = {
  type: services,
  nameRule: dns1035LabelName,
  setDefaults: setServiceDefaults,
  prepareForCreate({ spec }) {
    setIpFamilies(spec);
    if (!isExternallyAccessible(spec)) delete spec.externalTrafficPolicy;
  },
  prepareForUpdate(next, current, context) {
    if (context.subresource === 'status') return;
    carryAllocations(next.spec, current.spec);
    setIpFamilies(next.spec);
    if (!needsClusterIp(next.spec)) delete next.spec.internalTrafficPolicy;
  },
  warnings: serviceNotCarriedOut,
  validate: validateService,
  validateUpdate: validateServiceUpdate,
  selectableFields: {
    'spec.clusterIP': ({ spec }) => spec.clusterIP ?? '',
    'spec.type': ({ spec }) => spec.type ?? '',
  },
  columns: [
    nameColumn,
    column('Type', about('Type'), ({ spec }) => spec.type ?? ''),
    column('Cluster-IP', about('Cluster-IP'), ({ spec }) => spec.clusterIPs?.[0] ?? '<none>'),
    column('External-IP', about('External-IP'), externalIp),
    column('Port(s)', about('Port(s)'), ({ spec }) => (spec.ports ?? []).map(portText).join(',') || '<none>'),
    ageColumn,
    wide(column('Selector', about('Selector'), ({ spec }) => formatLabels(spec.selector))),
  ],
};
