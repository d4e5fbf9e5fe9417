import type { Event } from '../../api/generated/core-v1.ts';
import type { Event as NewEvent } from '../../api/generated/events-v1.ts';
import { events, eventsV1Events } from '../../api/generated/resources.ts';
import type { AnyObject } from '../../api/kind-info.ts';
import { column, formatAge, nameColumn, wide } from './columns.ts';
import { validateEvent, validateNewEvent, validateNewEventUpdate } from './event-validation.ts';
import type { KindRules } from './kind-rules.ts';
import type { StorageConversion } from './strategy.ts';

function lastSeen(event: Event, nowMs: number): string {
  const time = event.series?.lastObservedTime ?? event.lastTimestamp ?? event.eventTime;
  return formatAge(time, nowMs);
}

function firstSeen(event: Event, nowMs: number): string {
  return formatAge(event.firstTimestamp ?? event.eventTime, nowMs);
}

function objectText(event: Event): string {
  const { kind = '', name = '' } = event.involvedObject ?? {};
  return name === '' ? kind.toLowerCase() : `${kind.toLowerCase()}/${name}`;
}

function sourceText(event: Event): string {
  const component = event.source?.component ?? event.reportingComponent ?? '';
  const host = event.source?.host ?? event.reportingInstance ?? '';
  return [component, host].filter((part) => part !== '').join(', ');
}

const fields = {
  'involvedObject.kind': ({ involvedObject }: Event) => involvedObject?.kind ?? '',
  'involvedObject.namespace': ({ involvedObject }: Event) => involvedObject?.namespace ?? '',
  'involvedObject.name': ({ involvedObject }: Event) => involvedObject?.name ?? '',
  'involvedObject.uid': ({ involvedObject }: Event) => involvedObject?.uid ?? '',
  'involvedObject.apiVersion': ({ involvedObject }: Event) => involvedObject?.apiVersion ?? '',
  'involvedObject.resourceVersion': ({ involvedObject }: Event) => involvedObject?.resourceVersion ?? '',
  'involvedObject.fieldPath': ({ involvedObject }: Event) => involvedObject?.fieldPath ?? '',
  reason: ({ reason }: Event) => reason ?? '',
  reportingComponent: ({ reportingComponent }: Event) => reportingComponent ?? '',
  source: ({ source, reportingComponent }: Event) => source?.component ?? reportingComponent ?? '',
  type: ({ type }: Event) => type ?? '',
};

export const eventRules: KindRules<Event> = {
  type: events,
  allowCreateOnUpdate: true,
  validate: (event) => validateEvent(event, 'reportingComponent'),
  selectableFields: fields,
  columns: [
    column('Last Seen', 'Time when this event was last observed', lastSeen),
    column(
      'Type',
      'Type of this event (Normal, Warning), new types could be added in the future',
      ({ type }) => type ?? '',
    ),
    column('Reason', 'Why the event happened, in a word.', ({ reason }) => reason ?? ''),
    column('Object', 'The object that the event is about.', objectText),
    wide(
      column(
        'Subobject',
        'The part of the object that the event is about.',
        ({ involvedObject }) => involvedObject?.fieldPath ?? '',
      ),
    ),
    wide(column('Source', 'Who reports the event.', sourceText)),
    column('Message', 'What happened, for people.', ({ message }) => (message ?? '').trim()),
    wide(column('First Seen', 'Time when this event was first observed', firstSeen)),
    wide(
      column(
        'Count',
        'The number of times this event has occurred.',
        ({ count, series }) => series?.count ?? ((count ?? 0) || 1),
      ),
    ),
    wide(nameColumn),
  ],
};

const renames: readonly (readonly [string, string])[] = [
  ['regarding', 'involvedObject'],
  ['note', 'message'],
  ['deprecatedSource', 'source'],
  ['deprecatedFirstTimestamp', 'firstTimestamp'],
  ['deprecatedLastTimestamp', 'lastTimestamp'],
  ['deprecatedCount', 'count'],
  ['reportingController', 'reportingComponent'],
];

function renamed(object: AnyObject, names: ReadonlyMap<string, string>): AnyObject {
  const { apiVersion, kind, metadata, ...rest } = object;
  const entries = Object.entries(rest).map(([key, value]) => [names.get(key) ?? key, value] as const);
  return { apiVersion, kind, metadata, ...Object.fromEntries(entries) };
}

/** The two event APIs are one: only names differ. */
export const eventConversion: StorageConversion = {
  toStored: (object) => ({ ...renamed(object, new Map(renames)), apiVersion: 'v1' }),
  fromStored: (stored) => ({
    ...renamed(stored, new Map(renames.map(([name, old]) => [old, name]))),
    apiVersion: 'events.k8s.io/v1',
  }),
};

export const newEventRules: KindRules<NewEvent> = {
  type: eventsV1Events,
  storedAs: { resource: '/events', conversion: eventConversion },
  allowCreateOnUpdate: true,
  validate: (event) => validateEvent(asStored(event), 'reportingController'),
  validateCreate: (event) => validateNewEvent(asStored(event)),
  validateUpdate: (next, current) => validateNewEventUpdate(asStored(next), asStored(current)),
  selectableFields: Object.fromEntries(
    Object.entries(fields).map(([name, read]) => [
      name.replace('involvedObject', 'regarding').replace('reportingComponent', 'reportingController'),
      (event: NewEvent) => read(asStored(event)),
    ]),
  ),
  columns: (eventRules.columns ?? []).map((old) => ({
    ...old,
    cell: (event: NewEvent, nowMs: number) => old.cell(asStored(event), nowMs),
  })),
};

function asStored(event: NewEvent): Event {
  const { regarding, note, deprecatedSource, deprecatedFirstTimestamp, deprecatedLastTimestamp, ...rest } =
    event;
  const { deprecatedCount, reportingController, apiVersion: _, ...same } = rest;
  return {
    ...same,
    apiVersion: 'v1',
    involvedObject: regarding ?? {},
    message: note,
    source: deprecatedSource,
    firstTimestamp: deprecatedFirstTimestamp,
    lastTimestamp: deprecatedLastTimestamp,
    count: deprecatedCount,
    reportingComponent: reportingController,
  };
}
