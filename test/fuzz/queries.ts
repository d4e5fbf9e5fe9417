import type { Dice } from './dice.ts';
import { someText } from './texts.ts';

const labelSelectors = [
  'a=b',
  'a==b,c!=d',
  'a in (b,c),!d',
  'a notin ()',
  'a in (b',
  'a in b)',
  '!',
  '=',
  ',,',
  'a,b,',
  'a>1,b<2',
  'a>x',
  '!!a',
  'a=b=c',
  'in in (in)',
  'notin',
  '/a=b',
  'a/=b',
  `a=${'x'.repeat(64)}`,
  `${'a,'.repeat(2_000)}a`,
  `a in (${'b,'.repeat(2_000)}b)`,
];
const fieldSelectors = [
  'metadata.name=a',
  'metadata.namespace=x',
  'spec.nodeName=n',
  'status.phase!=Running',
  'metadata.name',
  '=',
  'a=b',
  'metadata.name=a,metadata.name=b',
  'metadata.name=a\\,b',
  'metadata.name=\\',
  'metadata.name==%00',
  'a.b.c==d,,',
  '__proto__=x',
];
const versions = [
  '',
  '0',
  '1',
  '-1',
  '01',
  'x',
  '1e3',
  '127',
  '128',
  '99999999999999999999',
  '18446744073709551616',
  ' 1',
];
const booleans = ['true', 'false', '1', '0', 'TRUE', 'maybe', ''];
const integers = [
  '0',
  '1',
  '-1',
  '500',
  '1.5',
  'x',
  '99999999999999999999',
  '+1',
  '0x10',
  '',
  '9007199254740993',
];

function continueToken(dice: Dice): string {
  const token = {
    v: dice.pick(['meta.k8s.io/v1', 'v2', 1]),
    rv: dice.pick([1, -1, 0, 1.5, 'x', 1e300, 127, 1_000_000]),
    start: dice.pick(['a\u0000', '/pods/', '/registry/pods/', '', someText(dice), null]),
  };
  return dice.chance(0.7) ? Buffer.from(JSON.stringify(token)).toString('base64url') : someText(dice);
}

type Option = readonly [name: string, value: (dice: Dice) => string];
const oneOf =
  (values: readonly string[]) =>
  (dice: Dice): string =>
    dice.chance(0.8) ? dice.pick(values) : someText(dice);

const reading: readonly Option[] = [
  ['labelSelector', oneOf(labelSelectors)],
  ['fieldSelector', oneOf(fieldSelectors)],
  ['resourceVersion', oneOf(versions)],
  ['resourceVersionMatch', oneOf(['Exact', 'NotOlderThan', 'exact', ''])],
  ['limit', oneOf(integers)],
  ['continue', continueToken],
  ['timeoutSeconds', oneOf(['1', '0', '-1', 'x', '1.5', ''])],
  ['sendInitialEvents', oneOf(booleans)],
  ['allowWatchBookmarks', oneOf(booleans)],
  ['includeObject', oneOf(['None', 'Metadata', 'Object', 'x'])],
  ['pretty', oneOf(booleans)],
];
const writing: readonly Option[] = [
  ['dryRun', oneOf(['All', '', 'None', 'all'])],
  ['fieldManager', oneOf(['fuzz', 'm', 'x'.repeat(128), 'x'.repeat(129), 'a\nb', 'é'])],
  ['fieldValidation', oneOf(['Strict', 'Warn', 'Ignore', 'strict', ''])],
  ['force', oneOf(booleans)],
  ['gracePeriodSeconds', oneOf(integers)],
  ['propagationPolicy', oneOf(['Foreground', 'Background', 'Orphan', 'x', ''])],
  ['orphanDependents', oneOf(booleans)],
  ['timeout', oneOf(['1s', '0', '-1', 'x'])],
];
const streams: readonly Option[] = [
  ['container', oneOf(['c', '', 'x'])],
  ['command', oneOf(['sh', ''])],
  ['tailLines', oneOf(integers)],
  ['sinceSeconds', oneOf(integers)],
  ['sinceTime', oneOf(['x', '2026-01-01T00:00:00Z'])],
  ['limitBytes', oneOf(integers)],
  ['previous', oneOf(booleans)],
  ['ports', oneOf(['80', '0', 'x', '70000'])],
];

/** `?a=b&...` or nothing. Watches are asked for by the caller, who must be ready to leave one. */
export function someQuery(dice: Dice, kind: 'reading' | 'writing' | 'streams', most = 4): string {
  const options = { reading, writing, streams }[kind];
  const parts = Array.from({ length: dice.below(most + 1) }, () => {
    const [name, value] = dice.pick(options);
    const text = value(dice);
    return dice.chance(0.9)
      ? `${name}=${encodeURIComponent(text.toWellFormed())}`
      : `${name}=${dice.pick(['%', '%zz', '%c3%28', '+', '&=&', ';', '%00'])}`;
  });
  if (dice.chance(0.05))
    parts.push(dice.pick(['', '=', '&&', '?', '%', 'a', '__proto__=1', 'x'.repeat(3_000)]));
  return parts.length === 0 ? '' : `?${parts.join('&')}`;
}
