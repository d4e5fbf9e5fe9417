import type { Clock } from '../base/clock.ts';
import type { Logger } from '../base/logger.ts';
import type { Random } from '../base/random.ts';
import { TaskGroup } from '../base/task-group.ts';
import type { ApiClient } from '../client/client.ts';
import { EventRecorder } from '../client/event-recorder.ts';
import type { ControllerSettings } from './context.ts';
import { controlLoops } from './registry.ts';
import { SharedInformers } from './shared-informers.ts';

export interface ControllersOptions {
  readonly client: ApiClient;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  readonly settings: ControllerSettings;
}

/** Runs every control loop until `signal` aborts. Caches are filled anew: a new leader trusts nothing old. */
export async function runControllers(options: ControllersOptions, signal: AbortSignal): Promise<void> {
  const group = new TaskGroup(signal);
  const informers = new SharedInformers(options);
  const eventsOf = (component: string): EventRecorder => {
    const recorder = new EventRecorder({ ...options, component });
    group.start((groupSignal) => recorder.run(groupSignal));
    return recorder;
  };
  const context = { ...options, informers, eventsOf };
  const loops = controlLoops.map((Loop) => new Loop(context));
  for (const loop of loops) group.start((groupSignal) => loop.run(groupSignal));
  group.start((groupSignal) => informers.run(groupSignal));
  await group.join();
}
