import type { PodSpec } from '../../api/generated/core-v1.ts';

export interface HostPort {
  readonly ip: string;
  readonly protocol: string;
  readonly port: number;
}

const everyAddress = '0.0.0.0';

/** Ports on the node that a pod's containers, sidecars included, take. */
export function hostPortsOf(spec: PodSpec): readonly HostPort[] {
  const sidecars = (spec.initContainers ?? []).filter((container) => container.restartPolicy === 'Always');
  return [...sidecars, ...spec.containers].flatMap((container) =>
    (container.ports ?? [])
      .filter((port) => (port.hostPort ?? 0) > 0)
      .map((port) => ({
        ip: port.hostIP === undefined || port.hostIP === '' ? everyAddress : port.hostIP,
        protocol: port.protocol ?? 'TCP',
        port: port.hostPort ?? 0,
      })),
  );
}

/** Ports in use on one node. One address conflicts with itself and with "every address". */
export class HostPortSet {
  /** `protocol/port` -> address -> number of users. */
  readonly #users = new Map<string, Map<string, number>>();

  conflictsWith({ ip, protocol, port }: HostPort): boolean {
    const addresses = this.#users.get(`${protocol}/${port}`);
    if (addresses === undefined) return false;
    return ip === everyAddress || addresses.has(ip) || addresses.has(everyAddress);
  }

  add({ ip, protocol, port }: HostPort): void {
    const key = `${protocol}/${port}`;
    const addresses = this.#users.get(key) ?? new Map<string, number>();
    this.#users.set(key, addresses.set(ip, (addresses.get(ip) ?? 0) + 1));
  }

  remove({ ip, protocol, port }: HostPort): void {
    const key = `${protocol}/${port}`;
    const addresses = this.#users.get(key);
    const users = addresses?.get(ip);
    if (addresses === undefined || users === undefined) return;
    if (users > 1) addresses.set(ip, users - 1);
    else addresses.delete(ip);
    if (addresses.size === 0) this.#users.delete(key);
  }
}
