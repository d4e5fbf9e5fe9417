import type { Pod } from '../../api/generated/core-v1.ts';
import { isNotFound } from '../../api/status-error.ts';
import { messageOf } from '../../base/invariant.ts';
import { toQuery } from '../../client/resource-path.ts';
import { pathOf } from '../api.ts';
import { usageError } from '../cli-error.ts';
import { type Command, type Invocation, selectorFlag } from '../command.ts';
import {
  announceDefault,
  choosePod,
  defaultContainer,
  listPods,
  podsMeant,
  requireContainer,
} from '../pod-choice.ts';
import type { Session } from '../session.ts';

/** How many lines of each pod a selector shows when --tail says nothing. */
const tailOfSelected = 10;

export const logsCommand: Command = {
  name: 'logs',
  usage: 'logs [-f] [-p] (POD | TYPE/NAME) [-c CONTAINER]',
  summary: 'Print the logs for a container in a pod',
  flags: [
    selectorFlag,
    { name: 'follow', short: 'f', kind: 'boolean', help: 'Go on with what comes' },
    { name: 'previous', short: 'p', kind: 'boolean', help: 'Of the instance before this one' },
    { name: 'container', short: 'c', kind: 'text', help: 'Which container' },
    { name: 'all-containers', kind: 'boolean', help: 'All containers of the pod' },
    { name: 'all-pods', kind: 'boolean', help: 'All pods of the workload, with --prefix' },
    { name: 'prefix', kind: 'boolean', help: 'Pod and container before each line' },
    { name: 'tail', kind: 'text', help: 'Only the last lines' },
    { name: 'since', kind: 'text', help: 'Only newer than a duration' },
    { name: 'since-time', kind: 'text', help: 'Only after a time (RFC 3339)' },
    { name: 'timestamps', kind: 'boolean', help: 'Time before each line' },
    { name: 'limit-bytes', kind: 'text', help: 'At most so many bytes' },
    { name: 'max-log-requests', kind: 'text', fallback: '5', help: 'Containers followed at once' },
    { name: 'ignore-errors', kind: 'boolean', help: 'Follow the others when one fails' },
  ],
  async run(invocation) {
    const { flags, args } = invocation;
    const hasSelector = flags.has('selector');
    if (args.length === 0 && !hasSelector)
      throw usageError(
        "expected 'logs [-f] [-p] (POD | TYPE/NAME) [-c CONTAINER]'.\nPOD or TYPE/NAME is a required argument for the logs command\nSee 'kubectl-lite logs -h' for help and examples",
      );
    if (args.length > 0 && hasSelector) throw usageError('only a selector (-l) or a POD name is allowed');
    const sources = await sourcesOf(invocation);
    const limit = flags.number('max-log-requests') ?? 0;
    if (flags.bool('follow') && sources.length > limit)
      throw usageError(
        `you are attempting to follow ${sources.length} log streams, but maximum allowed concurrency is ${limit}, use --max-log-requests to increase the limit`,
      );
    if (flags.bool('follow')) await Promise.all(sources.map((source) => followLog(invocation, source)));
    else for (const source of sources) await printLog(invocation, source);
    return undefined;
  },
};

interface LogSource {
  readonly pod: Pod;
  readonly container: string;
}

async function sourcesOf({ session, flags, args }: Invocation): Promise<LogSource[]> {
  const selector = flags.text('selector');
  const pods =
    selector === undefined
      ? await podsForLogs(session, args, flags.bool('all-pods'))
      : await listPods(session, (await session.kinds()).byName('pods'), await session.namespace(), selector);
  if (pods.length === 0) session.io.err(`No resources found in ${await session.namespace()} namespace.\n`);
  return pods.flatMap((pod) =>
    containersOf(pod, flags.text('container') ?? args[1], flags.bool('all-containers'), session),
  );
}

async function podsForLogs(session: Session, args: readonly string[], all: boolean): Promise<Pod[]> {
  try {
    if (all) return await podsMeant(session, args);
    const tell = ({ metadata }: Pod, count: number): void =>
      session.io.err(`Found ${count} pods, using pod/${metadata.name}\n`);
    return [await choosePod(session, args, tell)];
  } catch (error) {
    if (!isNotFound(error)) throw error;
    throw usageError(
      `error from server (NotFound): ${messageOf(error)} in namespace "${await session.namespace()}"`,
    );
  }
}

function containersOf(
  pod: Pod,
  named: string | undefined,
  all: boolean,
  session: Invocation['session'],
): LogSource[] {
  const { containers = [], initContainers = [] } = pod.spec ?? {};
  if (all) return [...initContainers, ...containers].map(({ name }) => ({ pod, container: name }));
  if (named !== undefined) return [{ pod, container: requireContainer(pod, named) }];
  announceDefault(session, pod);
  return [{ pod, container: defaultContainer(pod) }];
}

/** One log of several that are followed: with `--ignore-errors` its failure is a line among the others. */
async function followLog(invocation: Invocation, source: LogSource): Promise<void> {
  try {
    await printLog(invocation, source);
  } catch (error) {
    if (!invocation.flags.bool('ignore-errors')) throw error;
    invocation.session.io.out(`error: ${messageOf(error)}\n`);
  }
}

async function printLog({ session, flags }: Invocation, { pod, container }: LogSource): Promise<void> {
  const api = await session.api();
  const kind = await (await session.kinds()).byName('pods');
  const { name, namespace } = pod.metadata;
  const tail = flags.number('tail') ?? (flags.has('selector') ? tailOfSelected : -1);
  const sinceMs = flags.durationMs('since');
  const query = toQuery({
    container,
    follow: flags.bool('follow') || undefined,
    previous: flags.bool('previous') || undefined,
    timestamps: flags.bool('timestamps') || undefined,
    tailLines: tail < 0 ? undefined : tail,
    sinceSeconds: sinceMs === undefined || sinceMs === 0 ? undefined : Math.ceil(sinceMs / 1000),
    sinceTime: flags.text('since-time'),
    limitBytes: flags.number('limit-bytes'),
  });
  const path = `${pathOf({ kind, namespace, name, subresource: 'log' })}${query}`;
  const isPrefixed = flags.has('prefix') ? flags.bool('prefix') : flags.bool('all-pods');
  const prefix = isPrefixed ? `[pod/${name}/${container}] ` : '';
  let rest = '';
  for await (const chunk of api.stream(path, '*/*', session.signal)) {
    if (prefix === '') {
      session.io.out(chunk.toString('utf8'));
      continue;
    }
    const lines = (rest + chunk.toString('utf8')).split('\n');
    rest = lines.pop() ?? '';
    session.io.out(lines.map((line) => `${prefix}${line}\n`).join(''));
  }
  if (rest !== '') session.io.out(`${prefix}${rest}\n`);
}
