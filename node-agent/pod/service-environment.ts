import type { Pod, Service } from '../../api/generated/core-v1.ts';

/** The variables that a container finds of services: those of its namespace, and always the API server's. */
export function serviceEnvironment(pod: Pod, services: readonly Service[]): ReadonlyMap<string, string> {
  const variables = new Map<string, string>();
  const { namespace } = pod.metadata;
  for (const service of services) {
    const isApi = service.metadata.namespace === 'default' && service.metadata.name === 'kubernetes';
    const isLinked = pod.spec.enableServiceLinks !== false && service.metadata.namespace === namespace;
    if ((isApi || isLinked) && hasAddress(service)) addVariables(variables, service);
  }
  return variables;
}

function hasAddress(service: Service): boolean {
  const ip = service.spec?.clusterIP;
  return ip !== undefined && ip !== '' && ip !== 'None' && (service.spec?.ports ?? []).length > 0;
}

function addVariables(variables: Map<string, string>, service: Service): void {
  const prefix = toVariableName(service.metadata.name);
  const ip = service.spec?.clusterIP ?? '';
  const host = ip.includes(':') ? `[${ip}]` : ip;
  const ports = service.spec?.ports ?? [];
  variables.set(`${prefix}_SERVICE_HOST`, ip);
  variables.set(`${prefix}_SERVICE_PORT`, String(ports[0]?.port));
  for (const port of ports)
    if (port.name !== undefined && port.name !== '')
      variables.set(`${prefix}_SERVICE_PORT_${toVariableName(port.name)}`, String(port.port));
  ports.forEach((port, index) => {
    const protocol = port.protocol ?? 'TCP';
    const url = `${protocol.toLowerCase()}://${host}:${port.port}`;
    const link = `${prefix}_PORT_${port.port}_${protocol}`;
    if (index === 0) variables.set(`${prefix}_PORT`, url);
    variables.set(link, url);
    variables.set(`${link}_PROTO`, protocol.toLowerCase());
    variables.set(`${link}_PORT`, String(port.port));
    variables.set(`${link}_ADDR`, ip);
  });
}

function toVariableName(name: string): string {
  return name.toUpperCase().replaceAll('-', '_');
}
