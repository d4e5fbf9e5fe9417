import { createHash } from 'node:crypto';
import type { Target } from './endpoints.ts';
import type { Frontend } from './frontend.ts';
import type { RuleChange } from './rule-change.ts';
import { serviceTable } from './service-table.ts';

/** Frontends with ClientIP affinity that share one memory. */
export interface AffinityGroup {
  readonly name: string;
  readonly seconds: number;
  readonly endpoints: readonly Target[];
}

/** Clients that one endpoint's set remembers at once. */
const rememberedClients = 65_536;

export function affinityGroupOf(frontend: Frontend): AffinityGroup | undefined {
  if (frontend.affinity === undefined || frontend.endpoints.length === 0) return undefined;
  const { group, seconds } = frontend.affinity;
  return { name: `affine_${digest(group)}`, seconds, endpoints: frontend.endpoints };
}

/**
 * Each endpoint has a set of the clients that it served last, with a timeout that every new connection renews, and a
 * chain that writes the set and translates. The group's chain asks the sets first and else picks by chance. A removed
 * endpoint takes its memory with it.
 */
export function changeAffinityGroup(
  change: RuleChange,
  before: AffinityGroup | undefined,
  after: AffinityGroup | undefined,
): void {
  const name = before?.name ?? after?.name ?? '';
  // A set's timeout cannot be changed, so another one makes another memory.
  const isKept = (target: Target): boolean =>
    before?.seconds === after?.seconds &&
    before?.endpoints.includes(target) === true &&
    after?.endpoints.includes(target) === true;
  const chains = (group: AffinityGroup | undefined): string[] =>
    (group?.endpoints ?? []).filter((target) => !isKept(target)).map((target) => endpointName(group, target));
  if (after !== undefined) {
    change.create([
      ...after.endpoints
        .filter((target) => !isKept(target))
        .flatMap((target) => createEndpoint(after, target)),
      ...rewriteGroup(after),
    ]);
  }
  const gone = chains(before);
  change.remove([
    ...(after === undefined
      ? [`flush chain ip ${serviceTable} ${name}`, `delete chain ip ${serviceTable} ${name}`]
      : []),
    ...gone.flatMap((chain) => [
      `flush chain ip ${serviceTable} ${chain}`,
      `delete chain ip ${serviceTable} ${chain}`,
      `delete set ip ${serviceTable} ${chain}`,
    ]),
  ]);
}

function createEndpoint(group: AffinityGroup, target: Target): string[] {
  const name = endpointName(group, target);
  return [
    `add set ip ${serviceTable} ${name} { type ipv4_addr; flags dynamic,timeout; timeout ${group.seconds}s; size ${rememberedClients}; }`,
    `add chain ip ${serviceTable} ${name}`,
    `add rule ip ${serviceTable} ${name} update @${name} { ip saddr }`,
    // Without a protocol there is no port to translate to.
    `add rule ip ${serviceTable} ${name} meta l4proto { tcp, udp, sctp } dnat ip to ${target.replace(' . ', ':')}`,
  ];
}

function rewriteGroup(group: AffinityGroup): string[] {
  const names = group.endpoints.map((target) => endpointName(group, target));
  const pick = names.map((name, i) => `${i} : goto ${name}`).join(', ');
  return [
    `add chain ip ${serviceTable} ${group.name}`,
    `flush chain ip ${serviceTable} ${group.name}`,
    ...names.map((name) => `add rule ip ${serviceTable} ${group.name} ip saddr @${name} goto ${name}`),
    `add rule ip ${serviceTable} ${group.name} numgen random mod ${names.length} vmap { ${pick} }`,
  ];
}

function endpointName(group: AffinityGroup | undefined, target: Target): string {
  return `${group?.name}_${group?.seconds}_${digest(target)}`;
}

function digest(text: string): string {
  return createHash('sha256').update(text).digest('hex').slice(0, 12);
}
