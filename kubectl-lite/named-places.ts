import type { KindInfo } from '../api/kind-info.ts';
import { usageError } from './cli-error.ts';
import type { Invocation } from './command.ts';
import { locateManifests } from './located.ts';
import { itemsOf } from './printers/objects.ts';
import { parseTargets } from './targets.ts';

/** Where one object is. */
export interface NamedPlace {
  readonly kind: KindInfo;
  readonly namespace: string | undefined;
  readonly name: string;
}

/**
 * The objects of `-f`, or those that the words name: by name, or all of a kind that `-l` selects.
 * @param needsChoice a kind without names and without `-l` or `--all` is refused, not taken whole
 */
export async function namedPlaces(
  { session, flags }: Invocation,
  words: readonly string[],
  needsChoice: boolean,
): Promise<NamedPlace[]> {
  if (flags.has('filename'))
    return (await locateManifests(session)).map(({ kind, namespace, name = '' }) => ({
      kind,
      namespace,
      name,
    }));
  const places: NamedPlace[] = [];
  for (const { kind, names } of await parseTargets(words, await session.kinds())) {
    const namespace = await session.namespaceFor(kind, flags.bool('all-namespaces'));
    if (names !== undefined) {
      places.push(...names.map((name) => ({ kind, namespace, name })));
      continue;
    }
    if (needsChoice && !flags.bool('all') && !flags.has('selector'))
      throw usageError('resource(s) were provided, but no name was specified');
    const query = { labelSelector: flags.text('selector') };
    const list = await (await session.api()).get({ kind, namespace }, { query });
    places.push(
      ...itemsOf(list).map(({ metadata }) => ({ kind, namespace: metadata.namespace, name: metadata.name })),
    );
  }
  return places;
}
