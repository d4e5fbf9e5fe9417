/** Volumes that have been chosen for claims and do not show it yet, by name: to the uid of the claim. */
export class VolumeReservations {
  readonly #claims = new Map<string, string>();

  /** @returns false, and reserves nothing, when another claim has one of them */
  reserve(wanted: ReadonlyMap<string, string>): boolean {
    for (const [volume, claim] of wanted) if (!this.isFreeFor(volume, claim)) return false;
    for (const [volume, claim] of wanted) this.#claims.set(volume, claim);
    return true;
  }

  release(reserved: ReadonlyMap<string, string>): void {
    for (const [volume, claim] of reserved)
      if (this.#claims.get(volume) === claim) this.#claims.delete(volume);
  }

  isFreeFor(volume: string, claim: string): boolean {
    const owner = this.#claims.get(volume);
    return owner === undefined || owner === claim;
  }
}
