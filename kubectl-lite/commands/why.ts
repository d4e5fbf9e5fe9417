import { StatusError } from '../../api/status-error.ts';
import { usageError } from '../cli-error.ts';
import { type Command, outputFlag } from '../command.ts';
import { placementFlags } from '../placement/flags.ts';
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
  usage: 'why POD',
  summary: 'Say why a pod is where it is, or why no node takes it',
  flags: [outputFlag, ...placementFlags],
  async run({ session, flags, args }) {
    const { kind, name } = await parseOne(args, await session.kinds(), 'pods');
    if (args.length === 0 || kind.kind !== 'Pod') throw usageError('why needs a pod: why pod/NAME');
    const format = flags.text('output') ?? '';
    if (format !== '' && format !== 'json') throw usageError(`why: -o is json, not "${format}"`);
    const namespace = await session.namespaceFor(kind);
    const pod = await (await session.api()).get({ kind, namespace, name });
    // The scheduler's core is loaded only where it is asked.
    const { readSnapshot } = await import('../placement/live-snapshot.ts');
    const { whyText } = await import('../placement/why.ts');
    const snapshot = await unlessForbidden(() => readSnapshot(session));
    if (snapshot === undefined) {
      // Whoever may not look at the nodes may be allowed to ask the scheduler.
      const placement = await (await session.api()).get({ kind, namespace, name, subresource: 'placement' });
      session.io.out(
        format === 'json' ? `${JSON.stringify(placement, undefined, 4)}\n` : `${placement['text']}`,
      );
      return undefined;
    }
    const known = snapshot.pods.get(pod.metadata.uid ?? '');
    if (known === undefined)
      throw usageError(`pod ${namespace}/${name} is over: it takes no room on any node`);
    session.io.out(whyText(snapshot, known, format === 'json'));
    return undefined;
  },
};
