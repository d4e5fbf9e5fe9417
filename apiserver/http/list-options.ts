import type { Selector } from '../../api/selector.ts';
import { badRequest, type StatusError } from '../../api/status-error.ts';
import type { KindStrategy } from '../registry/strategy.ts';
import { serverError } from '../store/server-error.ts';
import { checkFields, parseFieldSelector, selectedName } from './field-selector.ts';
import { invalidOptions, type OptionProblem, parseBool, parseInteger } from './option-values.ts';
import { parseLabelSelector } from './selector-parser.ts';

/** Query of a list or a watch, parsed and checked. @see meta/v1 ListOptions */
export interface ListOptions {
  readonly labels: Selector;
  readonly fields: Selector;
  /** Pinned by the path or by a field selector. */
  readonly name: string | undefined;
  readonly watch: boolean;
  readonly allowWatchBookmarks: boolean;
  readonly sendInitialEvents: boolean | undefined;
  readonly resourceVersion: string;
  readonly resourceVersionMatch: string;
  readonly limit: number;
  readonly continueToken: string;
  readonly timeoutSeconds: number | undefined;
}

export function parseListOptions(
  query: URLSearchParams,
  strategy: KindStrategy,
  request: { readonly name: string; readonly watch: boolean },
): ListOptions {
  const text = (key: string): string => query.get(key) ?? '';
  const initial = query.get('sendInitialEvents');
  const fields = parseFieldSelector(text('fieldSelector'));
  checkFields(fields, strategy.kind, strategy.selectableFields);
  const options: ListOptions = {
    labels: parseLabelSelector(text('labelSelector')),
    fields,
    name: request.name === '' ? selectedName(fields) : request.name,
    watch: request.watch,
    allowWatchBookmarks: parseBool(query.get('allowWatchBookmarks')),
    sendInitialEvents: initial === null ? undefined : parseBool(initial),
    resourceVersion: text('resourceVersion'),
    resourceVersionMatch: text('resourceVersionMatch'),
    limit: parseInteger(query.get('limit')) ?? 0,
    continueToken: text('continue'),
    timeoutSeconds: parseInteger(query.get('timeoutSeconds')),
  };
  const problems = options.watch ? watchProblems(options) : listProblems(options);
  if (problems.length > 0) throw invalidOptions('ListOptions', problems);
  return options;
}

const matchForbidden = (why: string): OptionProblem => ({
  field: 'resourceVersionMatch',
  reason: 'FieldValueForbidden',
  message: `Forbidden: ${why}`,
});

function listProblems(options: ListOptions): OptionProblem[] {
  const problems: OptionProblem[] = [];
  const { resourceVersionMatch: match, resourceVersion: version } = options;
  if (match !== '') {
    if (version === '')
      problems.push(matchForbidden('resourceVersionMatch is forbidden unless resourceVersion is provided'));
    if (options.continueToken !== '')
      problems.push(matchForbidden('resourceVersionMatch is forbidden when continue is provided'));
    if (match !== 'Exact' && match !== 'NotOlderThan')
      problems.push(unsupportedMatch(match, '"Exact", "NotOlderThan"'));
    if (match === 'Exact' && version === '0')
      problems.push(matchForbidden('resourceVersionMatch "exact" is forbidden for resourceVersion "0"'));
  }
  if (options.sendInitialEvents !== undefined)
    problems.push({
      field: 'sendInitialEvents',
      reason: 'FieldValueForbidden',
      message: 'Forbidden: sendInitialEvents is forbidden for list',
    });
  return problems;
}

const unsupportedMatch = (match: string, supported: string): OptionProblem => ({
  field: 'resourceVersionMatch',
  reason: 'FieldValueNotSupported',
  message: `Unsupported value: "${match}": supported values: ${supported}`,
});

function watchProblems(options: ListOptions): OptionProblem[] {
  const problems: OptionProblem[] = [];
  const match = options.resourceVersionMatch;
  if (options.sendInitialEvents !== undefined && match !== 'NotOlderThan' && match === '')
    problems.push(matchForbidden('sendInitialEvents requires setting resourceVersionMatch to NotOlderThan'));
  if (match === '') return problems;
  if (options.sendInitialEvents === undefined)
    problems.push(
      matchForbidden('resourceVersionMatch is forbidden for watch unless sendInitialEvents is provided'),
    );
  if (match !== 'NotOlderThan') problems.push(unsupportedMatch(match, '"NotOlderThan"'));
  if (options.continueToken !== '')
    problems.push(matchForbidden('resourceVersionMatch is forbidden when continue is provided'));
  return problems;
}

const digits = /^\d+$/;

/** A resourceVersion as a number; 0 when empty. A malformed one in a get or a watch is a 500 without a reason.
 * `wrap` makes the error, whose form depends on who asks. */
export function parseVersion(text: string, wrap: (message: string) => StatusError = serverError): number {
  if (text === '') return 0;
  if (!digits.test(text))
    throw wrap(
      `resourceVersion: Invalid value: "${text}": strconv.ParseUint: parsing "${text}": invalid syntax`,
    );
  const version = Number(text);
  if (!Number.isSafeInteger(version) && version > 2 ** 64 - 1)
    throw wrap(
      `resourceVersion: Invalid value: "${text}": strconv.ParseUint: parsing "${text}": value out of range`,
    );
  return version;
}

export const badListVersion = (message: string): StatusError =>
  badRequest(`invalid resource version: ${message}`);
