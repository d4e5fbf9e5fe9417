import type { AnyObject } from '../../api/kind-info.ts';
import { StatusError } from '../../api/status-error.ts';
import type { ForeseePod } from '../store/store-dependencies.ts';
import type { LeadingScheduler } from './leading-scheduler.ts';

/** A dry run waits no longer than this for what it can do without. */
const deadlineMs = 500;

/** As the scheduler's `/outlook` answers. */
interface Outlook {
  readonly state: 'Schedulable' | 'Unschedulable' | 'Gated' | 'NotOurs';
  readonly node?: string;
  readonly message?: string;
}

/** The node that a pod would get were it created now. Without a scheduler nothing is foreseen. */
export function foreseePodWith(scheduler: Pick<LeadingScheduler, 'ask'>): ForeseePod {
  return async (pod: AnyObject) => {
    try {
      const answer = await scheduler.ask('/outlook', Buffer.from(JSON.stringify(pod)), deadlineMs);
      const { state, node, message } = JSON.parse(answer.toString()) as Outlook;
      if (state === 'Schedulable' && node !== undefined) return { nodeName: node };
      return state === 'Unschedulable' ? { warning: `the pod would stay pending: ${message}` } : {};
    } catch (error) {
      // No scheduler, or a slow one: the dry run answers as without the question.
      if (error instanceof StatusError) return {};
      throw error;
    }
  };
}
