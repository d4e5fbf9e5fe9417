import type { Container, EphemeralContainer } from '../../api/generated/core-v1.ts';

/** A port that a probe or hook names and the container does not have. */
export class ProbePortError extends Error {
  readonly code = 'PROBE_PORT';
}

/** A number, or the name of one of the container's ports. @throws ProbePortError */
export function resolvePort(port: number | string, container: Container | EphemeralContainer): number {
  if (typeof port === 'number') return port;
  const named = container.ports?.find(({ name }) => name === port)?.containerPort;
  const number = named ?? Number(port);
  if (!Number.isInteger(number) || number < 1 || number > 65_535)
    throw new ProbePortError(`couldn't find port: ${JSON.stringify(port)} in container ${container.name}`);
  return number;
}
