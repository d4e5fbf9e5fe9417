import type { FlagSpec } from '../flags.ts';

/** How the scheduler in question is set up, where it is not as `deploy/up` starts it. */
export const placementFlags: readonly FlagSpec[] = [
  {
    name: 'strategy',
    kind: 'text',
    fallback: 'least-loaded',
    help: "The scheduler's --strategy: least-loaded, round-robin or random",
  },
  { name: 'scheduler-config', kind: 'text', help: "The scheduler's configuration file (--config)" },
];
