import type { AnyObject } from '../../api/kind-info.ts';
import { StatusError } from '../../api/status-error.ts';
import { usageError } from '../cli-error.ts';
import type { Command } from '../command.ts';
import { answerFormatFlag, answerPrinter, placementFlags } from '../placement/flags.ts';
import { parseOne } from '../targets.ts';

async function unlessForbidden<V>(read: () => Promise<V>): Promise<V | undefined> {
  try {
    return await read();
  } catch (error) {
    if (error instanceof StatusError && error.reason === 'Forbidden') return undefined;
    throw error;
  }
}

export const whyCommand: Command = {
  name: 'why',
  usage: 'why (POD | TYPE/NAME)',
  summary: 'Say why a pod, or the pods of a workload, are where they are, or why no node takes them',
  flags: [answerFormatFlag, ...placementFlags],
  async run({ session, flags, args }) {
    const print = await answerPrinter(flags);
    if (args.length === 0 || args.length > 2 || (args.length === 2 && args[0]?.includes('/') === true))
      throw usageError('why takes one pod, or what makes pods: why pod/NAME, why deploy/NAME');
    const { kind, name } = await parseOne(args, await session.kinds(), 'pods');
    if (kind.kind !== 'Pod' && !explained.has(kind.kind))
      throw usageError(
        `why is for pods and what makes them, not for a ${kind.kind}: why pod/NAME, why deploy/NAME`,
      );
    const place = { kind, namespace: await session.namespaceFor(kind), name };
    const object = await (await session.api()).get(place);
    // The scheduler's core is loaded only where it is asked.
    const { readSnapshot } = await import('../placement/live-snapshot.ts');
    if (kind.kind !== 'Pod') {
      const { explainWorkload, workloadText } = await import('../placement/why-workload.ts');
      const { replicaSetsFor } = await import('../placement/live-change.ts');
      const makers = { workload: object, replicaSets: await replicaSetsFor(session, object) };
      const answer = explainWorkload(await readSnapshot(session), makers);
      session.io.out(print(answer, () => workloadText(answer)));
      return undefined;
    }
    const snapshot = await unlessForbidden(() => readSnapshot(session));
    if (snapshot === undefined) {
      // Whoever may not look at the nodes may be allowed to ask the scheduler.
      const placement = await (await session.api()).get({ ...place, subresource: 'placement' });
      session.io.out(print(placement, () => String(placement['text'])));
      return undefined;
    }
    const known = snapshot.pods.get(object.metadata.uid ?? '');
    if (known === undefined) throw usageError(overMessage(object));
    const { whyPod } = await import('../placement/why.ts');
    const { answer, words } = whyPod(snapshot, known);
    session.io.out(print(answer, words));
    return undefined;
  },
};

/** Makers of pods whose pods are looked at together. */
const explained: ReadonlySet<string> = new Set([
  'Deployment',
  'ReplicaSet',
  'ReplicationController',
  'StatefulSet',
  'DaemonSet',
  'Job',
]);

function overMessage({ metadata, ...rest }: AnyObject): string {
  const { phase = 'over' }: { readonly phase?: string } = Object(rest['status']);
  const { nodeName }: { readonly nodeName?: string } = Object(rest['spec']);
  const where = nodeName === undefined ? '' : `, it ran on ${nodeName}`;
  return `pod ${metadata.namespace}/${metadata.name} is over (${phase})${where}: it takes no room on any node`;
}
