/**
 * A naive scheduler to compare with: every rule asked of every node, from stored objects, written after Kubernetes'
 * documentation (rules) and docs/design/scheduler.md (points). It shares no code with the scheduler's plugins, keeps
 * nothing between two questions, and is slow.
 */
import type {
  Container,
  Node,
  NodeSelectorTerm,
  Pod,
  PodAffinityTerm,
  PreferredSchedulingTerm,
  Taint,
  Toleration,
} from '../../api/generated/core-v1.ts';
import { toMillis, toUnits } from '../../api/quantity.ts';

export interface PlacedReference {
  readonly pod: Pod;
  readonly nodeName: string;
  readonly isEnding: boolean;
}

export interface World {
  readonly nodes: readonly Node[];
  readonly placed: readonly PlacedReference[];
  readonly namespaceLabels: Readonly<Record<string, Readonly<Record<string, string>>>>;
  /** How many volumes a driver can attach to each node, by node; the driver of each claim, by `namespace/name`. */
  readonly volumeLimits?: ReadonlyMap<string, Readonly<Record<string, number>>>;
  /** By node: claims whose volumes are attached there, whoever uses them. */
  readonly attached?: ReadonlyMap<string, readonly string[]>;
  readonly drivers?: Readonly<Record<string, string>>;
  /** Labels of the volumes of claims, by `namespace/name`. */
  readonly volumeLabels?: Readonly<Record<string, Labels>>;
  /** Pods that wait for room on a node. */
  readonly nominated?: readonly PlacedReference[];
  readonly profile?: ReferenceProfile;
}

/** Arguments of a profile's plugins. */
export interface ReferenceProfile {
  readonly strategy?: 'LeastAllocated' | 'MostAllocated' | 'RequestedToCapacityRatio';
  /** Utilization 0 to 100 and score 0 to 10. */
  readonly shape?: readonly { readonly utilization: number; readonly score: number }[];
  /** Names and weights; `cpu` and `memory` with 1 each when left out. */
  readonly resources?: readonly { readonly name: string; readonly weight: number }[];
  readonly addedTerms?: readonly NodeSelectorTerm[];
  readonly addedPreferences?: readonly PreferredSchedulingTerm[];
  /** Extended resources that are not looked at. */
  readonly ignored?: readonly string[];
}

type Labels = Readonly<Record<string, string>>;
type LabelSelector = NonNullable<PodAffinityTerm['labelSelector']>;
type Spread = NonNullable<Pod['spec']['topologySpreadConstraints']>[number];

const labelsOf = (object: { metadata: { labels?: Labels | undefined } }): Labels =>
  object.metadata.labels ?? {};
const on = (world: World, node: Node): readonly PlacedReference[] =>
  world.placed.filter(({ nodeName }) => nodeName === node.metadata.name);

const priorityOf = ({ spec }: Pod): number => spec.priority ?? 0;

/**
 * Names of the rules that forbid `pod` on `node`; none: it may go there. They must hold with the pods of its or a
 * higher priority that are nominated for this node, and without them.
 */
export function brokenRules(world: World, pod: Pod, node: Node): string[] {
  const beside = (world.nominated ?? []).filter(
    (other) => other.nodeName === node.metadata.name && priorityOf(other.pod) >= priorityOf(pod),
  );
  const broken = brokenNow(world, pod, node);
  if (broken.length > 0 || beside.length === 0) return broken;
  return brokenNow({ ...world, placed: [...world.placed, ...beside] }, pod, node);
}

function brokenNow(world: World, pod: Pod, node: Node): string[] {
  const rules: Readonly<Record<string, boolean>> = {
    unschedulable:
      node.spec?.unschedulable !== true ||
      tolerated(
        { key: 'node.kubernetes.io/unschedulable', effect: 'NoSchedule' },
        pod.spec.tolerations ?? [],
      ),
    taints: (node.spec?.taints ?? []).every(
      (taint) => taint.effect === 'PreferNoSchedule' || tolerated(taint, pod.spec.tolerations ?? []),
    ),
    nodeSelector: admits(pod, node),
    addedTerms: world.profile?.addedTerms?.some((term) => termHolds(term, node)) !== false,
    zones: isInZones(world, pod, node),
    ports: portsAreFree(world, pod, node),
    resources: hasRoom(world, pod, node),
    volumeCount: hasRoomForVolumes(world, pod, node),
    spread: isSpread(world, pod, node),
    affinity: hasAffinity(world, pod, node),
    antiAffinity: requiredTerms(pod, 'podAntiAffinity').every(
      (term) =>
        !world.placed.some(
          (other) => sameDomain(world, node, other, term) && selected(world, term, pod, other.pod),
        ),
    ),
    existing: world.placed.every((other) =>
      requiredTerms(other.pod, 'podAntiAffinity').every(
        (term) => !(sameDomain(world, node, other, term) && selected(world, term, other.pod, pod)),
      ),
    ),
  };
  return Object.keys(rules).filter((name) => rules[name] !== true);
}

function tolerated(taint: Taint, tolerations: readonly Toleration[]): boolean {
  return tolerations.some(({ key = '', operator = 'Equal', value = '', effect = '' }) => {
    if (effect !== '' && effect !== taint.effect) return false;
    if (key !== '' && key !== taint.key) return false;
    return operator === 'Exists' || (key !== '' && value === (taint.value ?? ''));
  });
}

function expressionHolds(
  { key, operator, values = [] }: { key: string; operator: string; values?: readonly string[] | undefined },
  labels: Labels,
): boolean {
  const value = labels[key];
  switch (operator) {
    case 'In':
      return value !== undefined && values.includes(value);
    case 'NotIn':
      return value === undefined || !values.includes(value);
    case 'Exists':
      return value !== undefined;
    case 'DoesNotExist':
      return value === undefined;
    case 'Gt':
      return areWhole(value, values[0]) && Number(value) > Number(values[0]);
    default:
      return areWhole(value, values[0]) && Number(value) < Number(values[0]);
  }
}

const areWhole = (...texts: readonly (string | undefined)[]): boolean =>
  texts.every((text) => text !== undefined && text.trim() !== '' && Number.isInteger(Number(text)));

function selectorHolds(selector: LabelSelector | undefined, labels: Labels): boolean {
  if (selector === undefined) return false;
  return (
    Object.entries(selector.matchLabels ?? {}).every(([key, value]) => labels[key] === value) &&
    (selector.matchExpressions ?? []).every((expression) => expressionHolds(expression, labels))
  );
}

function admits(pod: Pod, node: Node): boolean {
  const labels = labelsOf(node);
  const required = pod.spec.affinity?.nodeAffinity?.requiredDuringSchedulingIgnoredDuringExecution;
  return (
    Object.entries(pod.spec.nodeSelector ?? {}).every(([key, value]) => labels[key] === value) &&
    (required === undefined || required.nodeSelectorTerms.some((term) => termHolds(term, node)))
  );
}

function termHolds({ matchExpressions = [], matchFields = [] }: NodeSelectorTerm, node: Node): boolean {
  const fields = { 'metadata.name': node.metadata.name };
  return (
    matchExpressions.length + matchFields.length > 0 &&
    matchExpressions.every((one) => expressionHolds(one, labelsOf(node))) &&
    matchFields.every((one) => expressionHolds(one, fields))
  );
}

const oldZone = 'failure-domain.beta.kubernetes.io/zone';
const newZone = 'topology.kubernetes.io/zone';

/** A node that names its zone must be in the zone of every volume that names one. */
function isInZones({ volumeLabels = {} }: World, { metadata, spec }: Pod, node: Node): boolean {
  const labels = labelsOf(node);
  if (labels[oldZone] === undefined && labels[newZone] === undefined) return true;
  return (spec.volumes ?? []).every(({ persistentVolumeClaim: claim }) => {
    const wanted = volumeLabels[`${metadata.namespace}/${claim?.claimName}`] ?? {};
    return Object.entries(wanted).every(([key, zones]) => {
      const there = labels[key] ?? (key === oldZone ? labels[newZone] : undefined);
      return there !== undefined && zones.split('__').includes(there);
    });
  });
}

const volumesOf = ({ drivers = {} }: World, { metadata, spec }: Pod, driver: string): string[] =>
  (spec.volumes ?? [])
    .map(({ persistentVolumeClaim: claim }) => `${metadata.namespace}/${claim?.claimName}`)
    .filter((claim) => drivers[claim] === driver);

/** The node's volumes and the new ones, each once, are as many as the driver can attach, or none is new. */
function hasRoomForVolumes(world: World, pod: Pod, node: Node): boolean {
  const limits = world.volumeLimits?.get(node.metadata.name) ?? {};
  return Object.entries(limits).every(([driver, limit]) => {
    const attached = world.attached?.get(node.metadata.name) ?? [];
    const there = new Set([
      ...on(world, node).flatMap((placed) => volumesOf(world, placed.pod, driver)),
      ...attached.filter((claim) => world.drivers?.[claim] === driver),
    ]);
    const added = new Set(volumesOf(world, pod, driver).filter((claim) => !there.has(claim)));
    return added.size === 0 || there.size + added.size <= limit;
  });
}

const portsOf = (pod: Pod): number[] =>
  pod.spec.containers.flatMap(({ ports = [] }) => ports.map(({ hostPort = 0 }) => hostPort)).filter(Boolean);

function portsAreFree(world: World, pod: Pod, node: Node): boolean {
  const taken = on(world, node).flatMap((other) => portsOf(other.pod));
  return portsOf(pod).every((port) => !taken.includes(port));
}

const parse = (name: string, text: string): number => (name === 'cpu' ? toMillis(text) : toUnits(text));

/** What a container that says nothing is taken to use, for points. */
const unstated: Readonly<Record<string, string>> = { cpu: '100m', memory: '200Mi' };

/**
 * The most that the pod needs at any time: each init container beside the sidecars before it, or all that stay; or
 * what the pod says as a whole; and the overhead.
 */
function needOf({ spec }: Pod, name: string, assumed: Readonly<Record<string, string>> = {}): number {
  const amount = ({ resources }: Container): number =>
    parse(name, resources?.requests?.[name] ?? assumed[name] ?? '0');
  let sidecars = 0;
  let peak = 0;
  for (const container of spec.initContainers ?? []) {
    peak = Math.max(peak, sidecars + amount(container));
    if (container.restartPolicy === 'Always') sidecars += amount(container);
  }
  const running = spec.containers.reduce((sum, container) => sum + amount(container), sidecars);
  const whole = spec.resources?.requests?.[name];
  const needed = whole === undefined ? Math.max(peak, running) : parse(name, whole);
  return needed + parse(name, spec.overhead?.[name] ?? '0');
}

const allocatable = (node: Node, name: string): string => node.status?.allocatable?.[name] ?? '0';

const compute = ['cpu', 'memory', 'example.com/gpu'];

function hasRoom(world: World, pod: Pod, node: Node): boolean {
  const there = on(world, node).map((other) => other.pod);
  const counted = compute.filter((name) => world.profile?.ignored?.includes(name) !== true);
  return (
    there.length < Number(allocatable(node, 'pods')) &&
    counted.every((name) => {
      const taken = [...there, pod].reduce((sum, one) => sum + needOf(one, name), 0);
      return needOf(pod, name) === 0 || taken <= parse(name, allocatable(node, name));
    })
  );
}

function requiredTerms(pod: Pod, kind: 'podAffinity' | 'podAntiAffinity'): readonly PodAffinityTerm[] {
  return pod.spec.affinity?.[kind]?.requiredDuringSchedulingIgnoredDuringExecution ?? [];
}

/** Whether `owner`'s term selects `other`, wherever it is. */
function selected(world: World, term: PodAffinityTerm, owner: Pod, other: Pod): boolean {
  const namespace = other.metadata.namespace ?? 'default';
  const named = term.namespaces ?? [];
  const inNamespace =
    named.length === 0 && term.namespaceSelector === undefined
      ? namespace === owner.metadata.namespace
      : named.includes(namespace) ||
        selectorHolds(term.namespaceSelector, world.namespaceLabels[namespace] ?? {});
  const labels = labelsOf(other);
  const own = labelsOf(owner);
  return (
    inNamespace &&
    selectorHolds(term.labelSelector, labels) &&
    (term.matchLabelKeys ?? []).every((key) => own[key] === undefined || labels[key] === own[key]) &&
    (term.mismatchLabelKeys ?? []).every((key) => own[key] === undefined || labels[key] !== own[key])
  );
}

function sameDomain(world: World, node: Node, other: PlacedReference, term: PodAffinityTerm): boolean {
  const home = world.nodes.find(({ metadata }) => metadata.name === other.nodeName);
  const value = labelsOf(node)[term.topologyKey];
  return home !== undefined && value !== undefined && labelsOf(home)[term.topologyKey] === value;
}

function hasAffinity(world: World, pod: Pod, node: Node): boolean {
  const terms = requiredTerms(pod, 'podAffinity');
  const all = (other: Pod): boolean => terms.every((term) => selected(world, term, pod, other));
  if (terms.some(({ topologyKey }) => labelsOf(node)[topologyKey] === undefined)) return false;
  const matching = world.placed.filter((other) => all(other.pod));
  const isCounted = (other: PlacedReference): boolean =>
    world.nodes.some(
      (home) =>
        home.metadata.name === other.nodeName &&
        terms.some(({ topologyKey }) => labelsOf(home)[topologyKey] !== undefined),
    );
  if (!matching.some(isCounted) && all(pod)) return true;
  return terms.every((term) => matching.some((other) => sameDomain(world, node, other, term)));
}

/** Matching pods by domain, of the domains that count for this constraint. */
function spreadCounts(
  world: World,
  pod: Pod,
  constraint: Spread,
  together: readonly Spread[],
): Map<string, number> {
  const counts = new Map<string, number>();
  for (const node of world.nodes) {
    const labels = labelsOf(node);
    if (together.some(({ topologyKey }) => labels[topologyKey] === undefined)) continue;
    if (constraint.nodeAffinityPolicy !== 'Ignore' && !admits(pod, node)) continue;
    const hard = (node.spec?.taints ?? []).filter(({ effect }) => effect !== 'PreferNoSchedule');
    const areTolerated = hard.every((taint) => tolerated(taint, pod.spec.tolerations ?? []));
    if (constraint.nodeTaintsPolicy === 'Honor' && !areTolerated) continue;
    const value = labels[constraint.topologyKey] ?? '';
    const here = on(world, node).filter(
      (other) => !other.isEnding && spreadSelects(constraint, pod, other.pod),
    );
    counts.set(value, (counts.get(value) ?? 0) + here.length);
  }
  return counts;
}

function spreadSelects({ labelSelector, matchLabelKeys = [] }: Spread, pod: Pod, other: Pod): boolean {
  const [own, labels] = [labelsOf(pod), labelsOf(other)];
  const { matchLabels = {}, matchExpressions = [] } = labelSelector ?? {};
  const keys = matchLabelKeys.filter((key) => own[key] !== undefined);
  return (
    // Kubernetes counts nobody for a selector that asks for nothing.
    Object.keys(matchLabels).length + matchExpressions.length + keys.length > 0 &&
    other.metadata.namespace === pod.metadata.namespace &&
    selectorHolds(labelSelector, labels) &&
    matchLabelKeys.every((key) => own[key] === undefined || labels[key] === own[key])
  );
}

const constraintsOf = (pod: Pod, when: string): Spread[] =>
  (pod.spec.topologySpreadConstraints ?? []).filter(({ whenUnsatisfiable }) => whenUnsatisfiable === when);

function isSpread(world: World, pod: Pod, node: Node): boolean {
  const constraints = constraintsOf(pod, 'DoNotSchedule');
  return constraints.every((constraint) => {
    const value = labelsOf(node)[constraint.topologyKey];
    if (value === undefined) return false;
    const counts = spreadCounts(world, pod, constraint, constraints);
    const enough = counts.size >= (constraint.minDomains ?? 1) && counts.size > 0;
    const least = enough ? Math.min(...counts.values()) : 0;
    const self = spreadSelects(constraint, pod, pod) ? 1 : 0;
    return (counts.get(value) ?? 0) + self - least <= constraint.maxSkew;
  });
}

/** The points of a node on which the pod may go. */
export function pointsOf(world: World, pod: Pod, node: Node): number {
  const there = on(world, node);
  const owner = pod.metadata.ownerReferences?.[0]?.uid;
  const replicas = there.filter(
    (one) => !one.isEnding && one.pod.metadata.ownerReferences?.[0]?.uid === owner,
  );
  return (
    3 * taintPoints(pod, node) +
    2 * nodeAffinityPoints(world, pod, node) +
    fitPoints(world, pod, node) +
    balancePoints(there, pod, node) +
    (owner === undefined ? 0 : (4 * 100) / (1 + replicas.length)) +
    2 * spreadPoints(world, pod, node) +
    2 * pullPoints(world, pod, node)
  );
}

function taintPoints(pod: Pod, node: Node): number {
  const tolerations = (pod.spec.tolerations ?? []).filter(
    ({ effect = '' }) => effect === '' || effect === 'PreferNoSchedule',
  );
  const soft = (node.spec?.taints ?? []).filter(({ effect }) => effect === 'PreferNoSchedule');
  return 100 / (1 + soft.filter((taint) => !tolerated(taint, tolerations)).length) ** 2;
}

function nodeAffinityPoints({ profile }: World, pod: Pod, node: Node): number {
  const own = pod.spec.affinity?.nodeAffinity?.preferredDuringSchedulingIgnoredDuringExecution ?? [];
  const terms = [...own, ...(profile?.addedPreferences ?? [])];
  const total = terms.reduce((sum, { weight }) => sum + weight, 0);
  const matched = terms.filter(({ preference }) => termHolds(preference, node));
  return total === 0 ? 0 : (100 * matched.reduce((sum, { weight }) => sum + weight, 0)) / total;
}

function takenShare(
  there: readonly PlacedReference[],
  pod: Pod,
  node: Node,
  [name, assumed]: readonly [name: string, assumed: Readonly<Record<string, string>>],
): number {
  const all = [...there.map((one) => one.pod), pod];
  const total = parse(name, allocatable(node, name));
  const taken = all.reduce((sum, one) => sum + needOf(one, name, assumed), 0);
  return Math.min(1, taken / total);
}

/** Half the distance of the two shares is their deviation; a node that has only one of them is balanced. */
function balancePoints(there: readonly PlacedReference[], pod: Pod, node: Node): number {
  if (needOf(pod, 'cpu') + needOf(pod, 'memory') === 0) return 0;
  if (['cpu', 'memory'].some((name) => parse(name, allocatable(node, name)) === 0)) return 100;
  const [cpu, memory] = [
    takenShare(there, pod, node, ['cpu', {}]),
    takenShare(there, pod, node, ['memory', {}]),
  ];
  return 100 * (1 - Math.abs(cpu - memory) / 2);
}

function fitPoints(world: World, pod: Pod, node: Node): number {
  const { strategy = 'LeastAllocated', shape = [], resources } = world.profile ?? {};
  const weighed = resources ?? ['cpu', 'memory'].map((name) => ({ name, weight: 1 }));
  let [points, total] = [0, 0];
  for (const { name, weight } of weighed) {
    const isAsked = name === 'cpu' || name === 'memory' || needOf(pod, name) > 0;
    if (!isAsked || parse(name, allocatable(node, name)) === 0) continue;
    const share = takenShare(on(world, node), pod, node, [name, unstated]);
    const byStrategy = {
      LeastAllocated: 100 * (1 - share),
      MostAllocated: 100 * share,
      RequestedToCapacityRatio: 10 * heightAt(shape, 100 * share),
    };
    if (strategy === 'RequestedToCapacityRatio' && byStrategy[strategy] === 0) continue;
    points += weight * byStrategy[strategy];
    total += weight;
  }
  return total === 0 ? 0 : points / total;
}

/** Of the line through the points; level before the first and after the last. */
function heightAt(shape: NonNullable<ReferenceProfile['shape']>, at: number): number {
  const left = shape.filter(({ utilization }) => utilization <= at).at(-1);
  const right = shape.find(({ utilization }) => utilization >= at);
  if (left === undefined || right === undefined || left === right) return (left ?? right)?.score ?? 0;
  const share = (at - left.utilization) / (right.utilization - left.utilization);
  return left.score + share * (right.score - left.score);
}

function spreadPoints(world: World, pod: Pod, node: Node): number {
  const constraints = constraintsOf(pod, 'ScheduleAnyway');
  let sum = 0;
  for (const constraint of constraints) {
    const value = labelsOf(node)[constraint.topologyKey];
    if (value === undefined) continue;
    const count = spreadCounts(world, pod, constraint, constraints).get(value) ?? 0;
    sum += 100 / (1 + count / constraint.maxSkew) / constraints.length;
  }
  const present = constraints.filter(({ topologyKey }) => labelsOf(node)[topologyKey] !== undefined).length;
  // One that lacks a key gets nothing by the others: less than the least there is to get.
  return present === constraints.length ? sum : sum - (100 * present) / constraints.length;
}

const preferredTerms = (pod: Pod): { term: PodAffinityTerm; weight: number }[] =>
  (['podAffinity', 'podAntiAffinity'] as const).flatMap((kind) =>
    (pod.spec.affinity?.[kind]?.preferredDuringSchedulingIgnoredDuringExecution ?? []).map(
      ({ podAffinityTerm, weight }) => ({
        term: podAffinityTerm,
        weight: kind === 'podAffinity' ? weight : -weight,
      }),
    ),
  );

function pullPoints(world: World, pod: Pod, node: Node): number {
  const sums = new Map<string, number>();
  const pull = (term: PodAffinityTerm, weight: number, other: PlacedReference): void => {
    if (sameDomain(world, node, other, term))
      sums.set(term.topologyKey, (sums.get(term.topologyKey) ?? 0) + weight);
  };
  for (const other of world.placed) {
    for (const { term, weight } of preferredTerms(pod))
      if (selected(world, term, pod, other.pod)) pull(term, weight, other);
    const theirs = [
      ...preferredTerms(other.pod),
      ...requiredTerms(other.pod, 'podAffinity').map((term) => ({ term, weight: 1 })),
    ];
    for (const { term, weight } of theirs)
      if (selected(world, term, other.pod, pod)) pull(term, weight, other);
  }
  return [...sums.values()].reduce((points, sum) => points + (50 * sum) / (100 + Math.abs(sum)), 0);
}

/** How many pods like this one fit beside what is there: exact where nothing but room limits them. */
export function roomFor(world: World, pod: Pod): number {
  const placed = [...world.placed];
  for (let count = 0; ; count += 1) {
    const node = world.nodes.find((each) => brokenRules({ ...world, placed }, pod, each).length === 0);
    if (node === undefined) return count;
    placed.push({ pod, nodeName: node.metadata.name, isEnding: false });
  }
}
