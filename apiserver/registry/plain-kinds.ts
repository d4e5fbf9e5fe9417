/** How requests are queued. */
import type { FlowSchema, PriorityLevelConfiguration } from '../../api/generated/flowcontrol-v1.ts';
import { flowschemas, prioritylevelconfigurations } from '../../api/generated/resources.ts';
import { ageColumn, column, nameColumn } from './columns.ts';
import type { KindRules } from './kind-rules.ts';

const none = '<none>';

export const flowSchemaRules: KindRules<FlowSchema> = {
  type: flowschemas,
  countsGeneration: true,
  setDefaults({ spec }) {
    if (spec !== undefined) spec.matchingPrecedence ||= 1000;
  },
  columns: [
    nameColumn,
    column(
      'PriorityLevel',
      'Where its requests are queued.',
      ({ spec }) => spec?.priorityLevelConfiguration?.name ?? none,
    ),
    column(
      'MatchingPrecedence',
      'The lowest is asked first.',
      ({ spec }) => spec?.matchingPrecedence ?? 0,
      'integer',
    ),
    column(
      'DistinguisherMethod',
      'What tells its flows apart.',
      ({ spec }) => spec?.distinguisherMethod?.type ?? none,
    ),
    ageColumn,
    column(
      'MissingPL',
      'Whether its priority level does not exist.',
      ({ status }) => status?.conditions?.find(({ type }) => type === 'Dangling')?.status ?? '?',
    ),
  ],
};

type PriorityLevel = PriorityLevelConfiguration;
interface Queuing {
  readonly queues?: number | undefined;
  readonly handSize?: number | undefined;
  readonly queueLengthLimit?: number | undefined;
}
const queuingOf = ({ spec }: PriorityLevel): Queuing => spec?.limited?.limitResponse?.queuing ?? {};

export const priorityLevelRules: KindRules<PriorityLevel> = {
  type: prioritylevelconfigurations,
  countsGeneration: true,
  setDefaults({ spec }) {
    if (spec?.exempt !== undefined) {
      spec.exempt.nominalConcurrencyShares ??= 0;
      spec.exempt.lendablePercent ??= 0;
    }
    if (spec?.limited === undefined) return;
    spec.limited.nominalConcurrencyShares ??= 30;
    spec.limited.lendablePercent ??= 0;
    const queuing = spec.limited.limitResponse?.queuing;
    if (queuing === undefined) return;
    queuing.handSize ||= 8;
    queuing.queues ||= 64;
    queuing.queueLengthLimit ||= 50;
  },
  columns: [
    nameColumn,
    column('Type', 'Whether its requests are limited.', ({ spec }) => spec?.type ?? ''),
    column(
      'NominalConcurrencyShares',
      'Its share of the seats.',
      ({ spec }) => spec?.limited?.nominalConcurrencyShares ?? none,
    ),
    column('Queues', 'How many queues it has.', (level) => queuingOf(level).queues ?? none),
    column('HandSize', 'How many of them a flow may use.', (level) => queuingOf(level).handSize ?? none),
    column(
      'QueueLengthLimit',
      'How many requests wait in a queue.',
      (level) => queuingOf(level).queueLengthLimit ?? none,
    ),
    ageColumn,
  ],
};
