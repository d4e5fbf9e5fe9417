import type { Pod } from '../../api/generated/core-v1.ts';
import type { AnyObject } from '../../api/kind-info.ts';
import { isNotFound, StatusError } from '../../api/status-error.ts';
import { pathOf } from '../api.ts';
import { describeFailure, usageError } from '../cli-error.ts';
import { type Command, dryRunFlag, type Invocation, selectorFlag } from '../command.ts';
import { dryRunOf, dryRunSuffix } from '../dry-run.ts';
import { nodesOf, setUnschedulable } from '../node-scheduling.ts';
import { itemsOf } from '../printers/objects.ts';

/** A budget that allows no eviction now may allow one later. */
const budgetRetryMs = 5_000;
const pollMs = 200;

export const drainCommand: Command = {
  name: 'drain',
  usage: 'drain NODE',
  summary: 'Drain node in preparation for maintenance',
  flags: [
    selectorFlag,
    dryRunFlag,
    { name: 'force', kind: 'boolean', help: 'Also pods that nobody replaces' },
    { name: 'ignore-daemonsets', kind: 'boolean', help: 'Leave pods of daemon sets' },
    { name: 'delete-emptydir-data', kind: 'boolean', help: 'Also pods with emptyDir volumes' },
    { name: 'disable-eviction', kind: 'boolean', help: 'Delete instead of evicting' },
    { name: 'grace-period', kind: 'text', fallback: '-1', help: 'Seconds until a pod is killed' },
    { name: 'timeout', kind: 'text', fallback: '0s', help: 'How long to wait' },
    { name: 'pod-selector', kind: 'text', help: 'Only these pods' },
  ],
  async run(invocation) {
    const { session, flags, args } = invocation;
    if (args.length === 0 && !flags.has('selector'))
      throw usageError("USAGE: drain NODE [flags]\nSee 'kubectl-lite drain -h' for help and examples");
    const dryRun = dryRunOf(flags, session.io);
    const nodes = await nodesOf(session, args, flags.text('selector'));
    for (const node of nodes) {
      const changed = await setUnschedulable(session, node, true, dryRun);
      session.io.out(
        `node/${node.metadata.name} ${changed ? '' : 'already '}cordoned${dryRunSuffix(dryRun)}\n`,
      );
    }
    for (const node of nodes) {
      await drainNode(invocation, node.metadata.name);
      session.io.out(`node/${node.metadata.name} drained${dryRunSuffix(dryRun)}\n`);
    }
    return undefined;
  },
};

async function drainNode(invocation: Invocation, nodeName: string): Promise<void> {
  const { session, flags } = invocation;
  const api = await session.api();
  const kind = await (await session.kinds()).byName('pods');
  const query = { fieldSelector: `spec.nodeName=${nodeName}`, labelSelector: flags.text('pod-selector') };
  const pods = itemsOf(await api.get({ kind }, { query })) as (AnyObject & Pod)[];
  const chosen = choosePods(invocation, pods);
  if (chosen.errors.length > 0) {
    session.io.err(
      `error: unable to drain node "${nodeName}" due to error: ${chosen.errors.join('; ')}, continuing command...\n`,
    );
    session.io.err(`There are pending nodes to be drained:\n ${nodeName}\n`);
    throw usageError(chosen.errors.join('; '));
  }
  if (chosen.warnings.length > 0) session.io.err(`Warning: ${chosen.warnings.join('; ')}\n`);
  if (dryRunOf(flags, session.io) !== 'none') {
    for (const { metadata } of chosen.pods)
      session.io.out(
        `evicting pod ${metadata.namespace}/${metadata.name}${dryRunSuffix(dryRunOf(flags, session.io))}\n`,
      );
    return;
  }
  const timeoutMs = flags.durationMs('timeout') ?? 0;
  const endMs = timeoutMs === 0 ? Number.POSITIVE_INFINITY : session.clock.monotonicMs() + timeoutMs;
  await Promise.all(chosen.pods.map((pod) => removePod(invocation, pod, endMs)));
}

interface Choice {
  readonly pods: readonly Pod[];
  readonly errors: readonly string[];
  readonly warnings: readonly string[];
}

/** Which pods go, and which of the others forbid the draining. */
function choosePods({ flags }: Invocation, pods: readonly Pod[]): Choice {
  const chosen: Pod[] = [];
  const [daemons, unmanaged, local]: string[][] = [[], [], []];
  for (const pod of pods) {
    const { metadata, spec, status } = pod;
    const name = `${metadata.namespace}/${metadata.name}`;
    const owner = metadata.ownerReferences?.find((reference) => reference.controller === true);
    const isOver = status?.phase === 'Succeeded' || status?.phase === 'Failed';
    if (metadata.annotations?.['kubernetes.io/config.mirror'] !== undefined) continue;
    if (owner?.kind === 'DaemonSet' && !isOver) {
      daemons?.push(name);
      continue;
    }
    if (!isOver && (spec?.volumes ?? []).some((volume) => volume.emptyDir !== undefined)) local?.push(name);
    if (!isOver && owner === undefined) unmanaged?.push(name);
    chosen.push(pod);
  }
  const errors: string[] = [];
  const warnings: string[] = [];
  const judge = (
    names: readonly string[] | undefined,
    allowed: boolean,
    refusal: string,
    warning: string,
  ): void => {
    if (names === undefined || names.length === 0) return;
    if (!allowed) errors.push(`${refusal}: ${names.join(', ')}`);
    else if (warning !== '') warnings.push(`${warning}: ${names.join(', ')}`);
  };
  judge(
    unmanaged,
    flags.bool('force'),
    'cannot delete Pods that declare no controller (use --force to override)',
    'deleting Pods that declare no controller',
  );
  judge(
    daemons,
    flags.bool('ignore-daemonsets'),
    'cannot delete DaemonSet-managed Pods (use --ignore-daemonsets to ignore)',
    'ignoring DaemonSet-managed Pods',
  );
  judge(
    local,
    flags.bool('delete-emptydir-data'),
    'cannot delete Pods with local storage (use --delete-emptydir-data to override)',
    '',
  );
  return { pods: chosen, errors, warnings };
}

async function removePod(invocation: Invocation, pod: Pod, endMs: number): Promise<void> {
  const { session } = invocation;
  const { namespace, name, uid } = pod.metadata;
  const api = await session.api();
  const kind = await (await session.kinds()).byName('pods');
  const place = { kind, namespace, name };
  session.io.out(`evicting pod ${namespace}/${name}\n`);
  const evicted = await requestRemoval(invocation, pod, endMs);
  for (;;) {
    try {
      if ((await api.get(place)).metadata.uid !== uid) break;
    } catch (error) {
      if (isNotFound(error)) break;
      throw error;
    }
    if (session.clock.monotonicMs() > endMs)
      throw usageError(
        `error when waiting for pod "${name}" in namespace "${namespace}" to terminate: global timeout reached`,
      );
    await session.pause(pollMs);
  }
  session.io.out(`pod/${name} ${evicted ? 'evicted' : 'deleted'}\n`);
}

/** @returns false when the pod was deleted, because the server has no evictions or the user wants none */
async function requestRemoval({ session, flags }: Invocation, pod: Pod, endMs: number): Promise<boolean> {
  const { namespace, name } = pod.metadata;
  const api = await session.api();
  const kind = await (await session.kinds()).byName('pods');
  const grace = flags.number('grace-period') ?? -1;
  const deleteOptions = grace < 0 ? {} : { deleteOptions: { gracePeriodSeconds: grace } };
  const eviction = {
    apiVersion: 'policy/v1',
    kind: 'Eviction',
    metadata: { name, namespace },
    ...deleteOptions,
  };
  for (;;) {
    try {
      if (flags.bool('disable-eviction')) throw notServed();
      await api.create({ kind, namespace, name, subresource: 'eviction' }, eviction);
      return true;
    } catch (error) {
      if (error instanceof StatusError && error.code === 429 && session.clock.monotonicMs() < endMs) {
        session.io.err(
          `error when evicting pods/"${name}" -n "${namespace}" (will retry after 5s): ${describeFailure(error).replace(/^Error from server \(\w+\): /, '')}\n`,
        );
        await session.pause(budgetRetryMs);
        continue;
      }
      if (!(error instanceof StatusError) || (error.code !== 404 && error.code !== 405)) throw error;
    }
    try {
      await api.send('DELETE', pathOf({ kind, namespace, name }), {
        body: { kind: 'DeleteOptions', apiVersion: 'v1', ...deleteOptions.deleteOptions },
      });
    } catch (error) {
      if (!isNotFound(error)) throw error;
    }
    return false;
  }
}

function notServed(): StatusError {
  return new StatusError({ reason: 'NotFound', code: 404, message: 'evictions are not asked for' });
}
