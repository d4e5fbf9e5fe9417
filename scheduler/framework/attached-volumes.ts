import type { DriverVolume } from './volume-needs.ts';

/** Volumes that storage drivers have attached to one node for the pods on it, each once however many use it. */
export class AttachedVolumes {
  /** Driver -> claim -> number of users. */
  readonly #users = new Map<string, Map<string, number>>();

  /** Claims whose volumes the driver has attached. */
  claimsOf(driver: string): Iterable<string> {
    return this.#users.get(driver)?.keys() ?? [];
  }

  add({ driver, claim }: DriverVolume): void {
    const claims = this.#users.get(driver) ?? new Map<string, number>();
    this.#users.set(driver, claims.set(claim, (claims.get(claim) ?? 0) + 1));
  }

  remove({ driver, claim }: DriverVolume): void {
    const claims = this.#users.get(driver);
    const users = claims?.get(claim);
    if (claims === undefined || users === undefined) return;
    if (users > 1) claims.set(claim, users - 1);
    else claims.delete(claim);
    if (claims.size === 0) this.#users.delete(driver);
  }
}
