import type { Container, Pod, Service, ServicePort } from '../../api/generated/core-v1.ts';
import type { EndpointPort } from '../../api/generated/discovery-v1.ts';

/** The ports of a service as this pod has them: a named target port may have another number in another pod. */
export function planPorts(service: Service, pod: Pod): EndpointPort[] {
  return (service.spec.ports ?? []).flatMap((port) => {
    const number = targetPortOf(port, pod);
    if (number === undefined) return [];
    return [
      {
        name: port.name ?? '',
        port: number,
        protocol: port.protocol ?? 'TCP',
        ...(port.appProtocol === undefined ? {} : { appProtocol: port.appProtocol }),
      },
    ];
  });
}

function targetPortOf(servicePort: ServicePort, pod: Pod): number | undefined {
  const target = servicePort.targetPort ?? servicePort.port;
  if (typeof target === 'number') return target === 0 ? servicePort.port : target;
  for (const container of serving(pod)) {
    const found = container.ports?.find(
      (port) => port.name === target && (port.protocol ?? 'TCP') === (servicePort.protocol ?? 'TCP'),
    );
    if (found !== undefined) return found.containerPort;
  }
  return undefined;
}

/** Containers and sidecars, the init containers that keep running. */
function serving(pod: Pod): readonly Container[] {
  const sidecars = (pod.spec.initContainers ?? []).filter(
    (container) => container.restartPolicy === 'Always',
  );
  return [...pod.spec.containers, ...sidecars];
}
