import type { Pod } from '../api/generated/core-v1.ts';
import type { AnyObject, KindInfo } from '../api/kind-info.ts';
import type { LabelSelectorSource } from '../api/selector.ts';
import { usageError } from './cli-error.ts';
import { itemsOf } from './printers/objects.ts';
import type { Session } from './session.ts';
import { parseOne } from './targets.ts';

/**
 * The pod that `POD` or `TYPE/NAME` means: of a workload, the first that is ready, else the first.
 * @param chosenOf is told which of how many was chosen, when there is a choice
 */
export async function choosePod(
  session: Session,
  args: readonly string[],
  chosenOf: (pod: Pod, count: number) => void = () => undefined,
): Promise<Pod> {
  const pods = await podsMeant(session, args);
  const [first] = [...pods].sort((a, b) => rank(a) - rank(b));
  if (first === undefined) throw usageError(`timed out waiting for the condition`);
  if (pods.length > 1) chosenOf(first, pods.length);
  return first;
}

/** All that `POD` or `TYPE/NAME` means: of a workload every pod that it selects. */
export async function podsMeant(session: Session, args: readonly string[]): Promise<Pod[]> {
  const kinds = await session.kinds();
  const api = await session.api();
  const { kind, name } = await parseOne(args, kinds, 'pods');
  const namespace = await session.namespaceFor(kind);
  const object = await api.get({ kind, namespace, name });
  if (kind.kind === 'Pod') return [asPod(object)];
  const labelSelector = selectorOf(object);
  if (labelSelector === undefined)
    throw usageError(
      `cannot get the logs from ${kind.group || 'v1'}, Kind=${kind.kind}: selector is missing`,
    );
  return listPods(session, kinds.byName('pods'), namespace, labelSelector);
}

export async function listPods(
  session: Session,
  kind: Promise<KindInfo>,
  namespace: string | undefined,
  labelSelector: string,
): Promise<Pod[]> {
  const list = await (await session.api()).get({ kind: await kind, namespace }, { query: { labelSelector } });
  return itemsOf(list).map(asPod);
}

function asPod(object: AnyObject): Pod {
  return object as AnyObject & Pod;
}

function rank(pod: Pod): number {
  const isReady =
    pod.status?.conditions?.some(({ type, status }) => type === 'Ready' && status === 'True') === true;
  if (isReady) return 0;
  return pod.status?.phase === 'Running' ? 1 : 2;
}

/** A workload's or a service's selector in the API's syntax. */
export function selectorOf(object: AnyObject): string | undefined {
  const { selector }: { readonly selector?: object } = Object(object['spec']);
  if (selector === undefined) return undefined;
  const isPlain = object.kind === 'Service' || object.kind === 'ReplicationController';
  return selectorText(isPlain ? { matchLabels: selector as Readonly<Record<string, string>> } : selector);
}

/** A LabelSelector in the API's syntax: `a=b,c in (d,e),!f`. */
export function selectorText({ matchLabels = {}, matchExpressions = [] }: LabelSelectorSource): string {
  const terms = Object.entries(matchLabels).map(([key, value]) => `${key}=${value}`);
  for (const { key, operator, values = [] } of matchExpressions) {
    const list = `(${values.join(',')})`;
    const forms: Readonly<Record<string, string>> = {
      In: `${key} in ${list}`,
      NotIn: `${key} notin ${list}`,
      Exists: key,
      DoesNotExist: `!${key}`,
    };
    terms.push(forms[operator] ?? '');
  }
  return terms.join(',');
}

const defaultAnnotation = 'kubectl.kubernetes.io/default-container';

/** The container that is meant when none is named: the annotated one, else the first. */
export function defaultContainer(pod: Pod): string {
  const named = pod.metadata.annotations?.[defaultAnnotation];
  return named ?? pod.spec?.containers[0]?.name ?? '';
}

/** Tells which container is meant when none is named, and which others there are; nothing when that goes without saying. */
export function announceDefault(session: Session, pod: Pod): void {
  const { containers = [], initContainers = [], ephemeralContainers = [] } = pod.spec ?? {};
  const all = [
    ...containers.map(({ name }) => name),
    ...ephemeralContainers.map(({ name }) => `${name} (ephem)`),
    ...initContainers.map(({ name }) => `${name} (init)`),
  ];
  if (all.length <= 1 || pod.metadata.annotations?.[defaultAnnotation] !== undefined) return;
  session.io.err(`Defaulted container "${defaultContainer(pod)}" out of: ${all.join(', ')}\n`);
}

/** @throws CliError when the pod has no such container */
export function requireContainer(pod: Pod, name: string): string {
  const { containers = [], initContainers = [], ephemeralContainers = [] } = pod.spec ?? {};
  const known = [...containers, ...initContainers, ...ephemeralContainers].some(
    (container) => container.name === name,
  );
  if (!known) throw usageError(`container ${name} is not valid for pod ${pod.metadata.name}`);
  return name;
}
