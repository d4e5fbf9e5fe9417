import type { Truth } from './truth.ts';

/** What one watcher was told between two lists, across all its connections. */
export interface Segment {
  readonly watcher: string;
  readonly color: string | undefined;
  /** The list that it began with. */
  readonly from: number;
  readonly listed: readonly ObservedObject[];
  readonly events: ObservedEvent[];
}

export interface ObservedObject {
  readonly name: string;
  readonly version: number;
  readonly token: string;
}

export interface ObservedEvent extends ObservedObject {
  readonly type: 'ADDED' | 'MODIFIED' | 'DELETED' | 'BOOKMARK';
}

/**
 * Everything that a watcher was told must be what happened: each change once, in order, none left out, and no bookmark
 * before the changes that it stands for.
 */
export function objectionsTo(segment: Segment, truth: Truth): string[] {
  return [...objectionsToList(segment, truth), ...objectionsToEvents(segment, truth)].map(
    (what) => `${segment.watcher}: ${what}`,
  );
}

function objectionsToList({ from, listed, color }: Segment, truth: Truth): string[] {
  const expected = [...truth.stateAt(from).values()].filter(
    (event) => color === undefined || event.color === color,
  );
  const shown = new Map(listed.map((object) => [object.name, object]));
  const wrong = expected.filter(({ name, version, token }) => {
    const object = shown.get(name);
    return object === undefined || object.version !== version || object.token !== token;
  });
  if (wrong.length === 0 && shown.size === expected.length) return [];
  return [
    `the list at ${from} has ${shown.size} objects and ${wrong.length} of ${expected.length} are not as they were`,
  ];
}

function objectionsToEvents({ from, events, color }: Segment, truth: Truth): string[] {
  const expected = truth.ofColor(color).filter(({ version }) => version > from);
  let next = 0;
  let seen = from;
  for (const event of events) {
    if (event.version < seen || (event.version === seen && event.type !== 'BOOKMARK'))
      return [`${event.type} ${event.name} at ${event.version} after ${seen}: repeated or out of order`];
    seen = event.version;
    const wanted = expected[next];
    if (event.type === 'BOOKMARK') {
      if (wanted !== undefined && wanted.version <= event.version)
        return [`bookmark ${event.version} before ${wanted.type} ${wanted.name} at ${wanted.version}`];
      continue;
    }
    if (wanted === undefined) return [`${event.type} ${event.name} at ${event.version} never happened`];
    if (wanted.version < event.version)
      return [`gap: ${wanted.type} ${wanted.name} at ${wanted.version} is missing before ${event.version}`];
    const same = wanted.version === event.version && wanted.name === event.name && wanted.type === event.type;
    if (!same || (event.type !== 'DELETED' && wanted.token !== event.token))
      return [
        `${event.type} ${event.name} at ${event.version}, where ${wanted.type} ${wanted.name} at ${wanted.version} happened`,
      ];
    next += 1;
  }
  return [];
}
