/** An explanation in words, for people. Pure. */
import type { Verdict } from '../schedule.ts';
import type { Explanation } from './explain-pod.ts';
import { fitsOf, groupedRefusals, type RefusalGroup, refusalGroups, scoreTable } from './verdict-text.ts';

/** @param refusals those of its verdicts, for one who has grouped them already */
export function explanationText(
  explanation: Explanation,
  refusals: readonly RefusalGroup[] = refusalGroups(explanation.verdicts),
): string {
  const { pod, state, node, message, verdicts } = explanation;
  const isPlaced = node !== undefined && state !== 'Schedulable';
  const head = isPlaced ? `pod ${pod} ${message}` : `pod ${pod} is pending: ${message}`;
  return [
    head,
    ...(state === 'Placed' ? placedLines(node, verdicts) : []),
    ...tail(explanation, refusals),
    '',
  ].join('\n');
}

function placedLines(node: string | undefined, verdicts: readonly Verdict[]): string[] {
  const own = verdicts.find((verdict) => verdict.node === node);
  if (own?.fits !== false) return [];
  return [`${node} would not take it today: ${own.plugin}: ${own.reasons.join(', ')}`];
}

function tail({ state, node, strategy, verdicts }: Explanation, refusals: readonly RefusalGroup[]): string[] {
  const fits = fitsOf(verdicts);
  const isPlaced = state === 'Placed';
  const when = isPlaced ? ', as things stand now (* is its own)' : '';
  const intro =
    strategy === undefined || strategy === 'least-loaded'
      ? `Points of the nodes that would take it${when}:`
      : `Nodes that would take it${when}; the strategy ${strategy} chooses among them whatever their points:`;
  return [
    ...(fits.length === 0 ? [] : ['', intro, scoreTable(fits, node).trimEnd()]),
    ...(refusals.length === 0 ? [] : ['', 'Nodes that would not:', ...groupedRefusals(refusals)]),
  ];
}
