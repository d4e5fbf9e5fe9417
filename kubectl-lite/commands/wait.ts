import type { AnyObject } from '../../api/kind-info.ts';
import { isNotFound } from '../../api/status-error.ts';
import { usageError } from '../cli-error.ts';
import { allNamespacesFlag, type Command, fileFlags, type Invocation, selectorFlag } from '../command.ts';
import { qualifiedKind } from '../kind-table.ts';
import { type NamedPlace, namedPlaces } from '../named-places.ts';
import { evaluatePath } from '../printers/jsonpath.ts';

const pollMs = 50;

export const waitCommand: Command = {
  name: 'wait',
  usage:
    'wait (-f FILENAME | TYPE/NAME | TYPE -l label) --for=(create | delete | condition=NAME[=VALUE] | jsonpath=...)',
  summary: 'Wait for a specific condition on one or many resources',
  flags: [
    ...fileFlags,
    selectorFlag,
    allNamespacesFlag,
    { name: 'for', kind: 'text', help: 'What to wait for' },
    { name: 'all', kind: 'boolean', help: 'All objects of the kind' },
    { name: 'timeout', kind: 'text', fallback: '30s', help: 'How long to wait' },
  ],
  async run(invocation) {
    const { session, flags, args } = invocation;
    const goal = toGoal(flags.text('for') ?? '');
    const endMs = session.clock.monotonicMs() + (flags.durationMs('timeout') ?? 0);
    const places = await namedPlaces(invocation, args, false);
    if (places.length === 0) throw usageError('no matching resources found');
    for (const place of places) await waitFor(invocation, place, goal, endMs);
    return undefined;
  },
};

interface Goal {
  /** Whether an object that is not there is a state to wait in or for. */
  readonly mayBeMissing: boolean;
  /** `undefined` stands for an object that is not there. */
  isMet(object: AnyObject | undefined): boolean;
}

function toGoal(text: string): Goal {
  if (text === 'delete') return { mayBeMissing: true, isMet: (object) => object === undefined };
  if (text === 'create') return { mayBeMissing: true, isMet: (object) => object !== undefined };
  const condition = /^condition=([^=]+)(?:=(.*))?$/.exec(text);
  if (condition !== null) {
    const [, type = '', wanted = 'true'] = condition;
    return { mayBeMissing: false, isMet: (object) => hasCondition(object, type, wanted) };
  }
  const path = /^jsonpath=(\{.*?\}|[^=]+)(?:=(.*))?$/.exec(text);
  if (path === null) throw usageError(`unrecognized condition: ${JSON.stringify(text)}`);
  const [, expression = '', wanted] = path;
  return {
    mayBeMissing: false,
    isMet: (object) => {
      const [value] = evaluatePath(expression, object);
      return wanted === undefined ? value !== undefined : String(value) === wanted;
    },
  };
}

function hasCondition(object: AnyObject | undefined, type: string, wanted: string): boolean {
  const status: { conditions?: { type: string; status: string }[] } = Object(object?.['status']);
  const found = status.conditions?.find((condition) => condition.type.toLowerCase() === type.toLowerCase());
  return found?.status.toLowerCase() === wanted.toLowerCase();
}

async function waitFor({ session }: Invocation, place: NamedPlace, goal: Goal, endMs: number): Promise<void> {
  const api = await session.api();
  for (let attempt = 0; ; attempt += 1) {
    let object: AnyObject | undefined;
    try {
      object = await api.get(place);
    } catch (error) {
      if (!isNotFound(error) || !goal.mayBeMissing) throw error;
    }
    // What was never there needs no word.
    if (goal.isMet(object) && object === undefined && attempt === 0) return;
    if (goal.isMet(object)) break;
    if (session.clock.monotonicMs() > endMs)
      throw usageError(`timed out waiting for the condition on ${place.kind.plural}/${place.name}`);
    await session.pause(pollMs);
  }
  session.io.out(`${qualifiedKind(place.kind)}/${place.name} condition met\n`);
}
