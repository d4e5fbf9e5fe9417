import { describe, expect, it } from 'vitest';
import { SchedulerMetrics } from './metrics.ts';

const metrics = (): SchedulerMetrics =>
  new SchedulerMetrics({
    queued: () => ({ active: 1, backoff: 0, unschedulable: 2, gated: 0 }),
    cached: () => ({ nodes: 3, pods: 40 }),
  });

describe('metrics', () => {
  it("carry kube-scheduler's names", async () => {
    const counted = metrics();
    counted.attempted('scheduled', 'default-scheduler', 0.0003);
    counted.attempted('unschedulable', 'default-scheduler', 0.001);
    counted.preempted(2);
    counted.preempted(0);
    counted.bound(20, 0.01);
    const text = await counted.render();
    for (const line of [
      'scheduler_schedule_attempts_total{result="scheduled",profile="default-scheduler"} 1',
      'scheduler_scheduling_attempt_duration_seconds_count{result="unschedulable",profile="default-scheduler"} 1',
      'scheduler_pending_pods{queue="unschedulable"} 2',
      'scheduler_preemption_attempts_total 2',
      'scheduler_preemption_victims_sum 2',
      'scheduler_pod_scheduling_sli_duration_seconds_count{attempts="16+"} 1',
      'scheduler_cache_size{type="pods"} 40',
    ])
      expect(text).toContain(line);
  });
});
