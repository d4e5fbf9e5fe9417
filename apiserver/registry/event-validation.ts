/** Events of both APIs, by the names of the older one, which is what is stored. */
import { isDeepStrictEqual } from 'node:util';
import type { Event, EventSource, ObjectReference } from '../../api/generated/core-v1.ts';
import { invalid, required } from './field-error.ts';
import { qualifiedNameProblems } from './names.ts';
import type { FieldError } from './strategy.ts';

const maxLength = 128;
const maxMessage = 1024;
const tooLong = (field: string, max: number): FieldError =>
  invalid(field, '', `can have at most ${max} characters`);

/** Those that name a time of their own say who reports them, and what for. @param reporter as the API calls it */
export function validateEvent(
  event: Event,
  reporter: 'reportingComponent' | 'reportingController',
): FieldError[] {
  const namespace = event.metadata.namespace ?? '';
  const involved = event.involvedObject?.namespace ?? '';
  const foreign = [invalid('involvedObject.namespace', involved, 'does not match event.namespace')];
  if ((event.eventTime ?? '') === '')
    return (involved === '' ? namespace === 'default' : involved === namespace) ? [] : foreign;
  const errors = involved === '' && !['default', 'kube-system'].includes(namespace) ? foreign : [];
  const component = event.reportingComponent ?? '';
  if (component === '') errors.push(required(reporter));
  for (const problem of qualifiedNameProblems(component)) errors.push(invalid(reporter, component, problem));
  for (const name of ['reportingInstance', 'action', 'reason'] as const) {
    const value = event[name] ?? '';
    if (value === '') errors.push(required(name));
    if (Buffer.byteLength(value) > maxLength) errors.push(tooLong(name, maxLength));
  }
  if (Buffer.byteLength(event.message ?? '') > maxMessage) errors.push(tooLong('message', maxMessage));
  return errors;
}

/** What the newer API demands of its own events beside that. */
export function validateNewEvent(event: Event): FieldError[] {
  const errors = validateSeries(event);
  if ((event.eventTime ?? '') === '') errors.push(required('eventTime'));
  if (event.type !== 'Normal' && event.type !== 'Warning')
    errors.push(invalid('type', '', `has invalid value: ${event.type ?? ''}`));
  const isSet = {
    firstTimestamp: (event.firstTimestamp ?? '') !== '',
    lastTimestamp: (event.lastTimestamp ?? '') !== '',
    count: (event.count ?? 0) !== 0,
    source: (event.source?.component ?? '') !== '' || (event.source?.host ?? '') !== '',
  };
  for (const [name, set] of Object.entries(isSet))
    if (set) errors.push(invalid(name, '', 'needs to be unset'));
  return errors;
}

function validateSeries({ series }: Event): FieldError[] {
  if (series === undefined) return [];
  const errors: FieldError[] = [];
  if ((series.count ?? 0) < 2) errors.push(invalid('series.count', '', 'should be at least 2'));
  if ((series.lastObservedTime ?? '') === '') errors.push(required('series.lastObservedTime'));
  return errors;
}

const fixed = [
  'involvedObject',
  'reason',
  'message',
  'source',
  'firstTimestamp',
  'lastTimestamp',
  'count',
  'type',
  'eventTime',
  'action',
  'related',
  'reportingComponent',
  'reportingInstance',
] as const;

/** Only the series goes on. */
export function validateNewEventUpdate(next: Event, current: Event): FieldError[] {
  const errors = isDeepStrictEqual(next.series, current.series) ? [] : validateSeries(next);
  for (const name of fixed) {
    if (isDeepStrictEqual(next[name] ?? emptyOf(name), current[name] ?? emptyOf(name))) continue;
    const field = name === 'reportingComponent' ? 'reportingController' : name;
    errors.push(invalid(field, shown(next, name), 'field is immutable'));
  }
  return errors;
}

const emptyOf = (name: (typeof fixed)[number]): unknown =>
  name === 'involvedObject' || name === 'source' ? {} : name === 'count' ? 0 : undefined;

/** By the names of the program, as messages show it. */
function shown(event: Event, name: (typeof fixed)[number]): unknown {
  switch (name) {
    case 'involvedObject':
      return shownReference(event.involvedObject ?? {});
    case 'related':
      return event.related === undefined ? undefined : shownReference(event.related);
    case 'source':
      return shownSource(event.source ?? {});
    case 'count':
      return event.count ?? 0;
    case 'firstTimestamp':
    case 'lastTimestamp':
    case 'eventTime':
      return event[name];
    default:
      return event[name] ?? '';
  }
}

const shownReference = (reference: ObjectReference): object => ({
  Kind: reference.kind ?? '',
  Namespace: reference.namespace ?? '',
  Name: reference.name ?? '',
  UID: reference.uid ?? '',
  APIVersion: reference.apiVersion ?? '',
  ResourceVersion: reference.resourceVersion ?? '',
  FieldPath: reference.fieldPath ?? '',
});

const shownSource = ({ component = '', host = '' }: EventSource): object => ({
  Component: component,
  Host: host,
});
