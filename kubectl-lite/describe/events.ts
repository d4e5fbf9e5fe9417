import type { Event } from '../../api/generated/core-v1.ts';
import { age, type Outline } from './outline.ts';

/** The events of an object, the oldest first. */
export function describeEvents(outline: Outline, events: readonly Event[], nowMs: number): void {
  if (events.length === 0) {
    outline.field('Events', '<none>');
    return;
  }
  const timeOf = (event: Event): number =>
    Date.parse(event.lastTimestamp ?? event.eventTime ?? event.metadata.creationTimestamp);
  outline.heading('Events');
  outline.row(['Type', 'Reason', 'Age', 'From', 'Message']);
  outline.row(['----', '------', '----', '----', '-------']);
  for (const event of [...events].sort((a, b) => timeOf(a) - timeOf(b))) {
    const count = event.series?.count ?? event.count ?? 1;
    const first = Date.parse(event.firstTimestamp ?? event.eventTime ?? event.metadata.creationTimestamp);
    const last = age(timeOf(event), nowMs);
    const when = count > 1 ? `${last} (x${count} over ${age(first, nowMs)})` : last;
    const from = event.source?.component ?? event.reportingComponent ?? '';
    const path = event.involvedObject.fieldPath ?? '';
    const message = `${path === '' ? '' : `${path}: `}${(event.message ?? '').trim()}`;
    outline.row([event.type ?? '', event.reason ?? '', when, from, message]);
  }
}
