import type { Deployment } from '../../api/generated/apps-v1.ts';
import { conditionOf, hasProgressDeadline, withCondition } from './conditions.ts';

/** While it is paused a Deployment's progress is unknown; resuming starts its deadline anew. */
export function withPausedCondition(deployment: Deployment, nowMs: number): Deployment {
  const current = conditionOf(deployment.status, 'Progressing');
  if (!hasProgressDeadline(deployment) || current?.reason === 'ProgressDeadlineExceeded') return deployment;
  const paused = deployment.spec.paused === true;
  const shown = current?.reason === 'DeploymentPaused';
  if (paused === shown) return deployment;
  const conditions = withCondition(
    deployment.status?.conditions ?? [],
    {
      type: 'Progressing',
      status: 'Unknown',
      reason: paused ? 'DeploymentPaused' : 'DeploymentResumed',
      message: paused ? 'Deployment is paused' : 'Deployment is resumed',
    },
    nowMs,
  );
  return { ...deployment, status: { ...deployment.status, conditions } };
}
