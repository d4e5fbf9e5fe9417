import { describe, expect, it } from 'vitest';
import type { Pod, PodSpec } from '../../api/generated/core-v1.ts';
import { podRules } from './pod.ts';
import { validatePodSpec } from './pod-spec-validation.ts';
import type { WriteContext } from './strategy.ts';

const user = { name: 'u', uid: '', groups: [], extra: {} };
const context: WriteContext = { user, namespace: 'default', subresource: '', nowMs: 0 };
const app = { matchLabels: { app: 'x' } };
const labels = { app: 'x', tier: 'front', tenant: 'red' };
const topologyKey = 'zone';
const spread = { maxSkew: 1, topologyKey, whenUnsatisfiable: 'DoNotSchedule' };
const containers = [{ name: 'c', image: 'i' }];

/** Read from text, so that no two terms are one object. */
function createdPod(spec: Partial<PodSpec>): Pod {
  const metadata = { name: 'a', labels };
  const text = JSON.stringify({ apiVersion: 'v1', kind: 'Pod', metadata, spec: { containers, ...spec } });
  const pod = JSON.parse(text) as Pod;
  podRules.setDefaults?.(pod);
  podRules.prepareForCreate?.(pod, context);
  return pod;
}

const problemsOf = (spec: PodSpec): string[] =>
  validatePodSpec(spec, 'spec').map(({ field, message }) => `${field}: ${message}`);
const inFront = { key: 'tier', operator: 'In', values: ['front'] };
const notRed = { key: 'tenant', operator: 'NotIn', values: ['red'] };

describe('a new pod’s label keys', () => {
  it('become requirements of every (anti-)affinity term, after the user’s own', () => {
    const keys = { matchLabelKeys: ['tier', 'absent'], mismatchLabelKeys: ['tenant'] };
    const own = { key: 'tenant', operator: 'Exists' };
    const term = { topologyKey, labelSelector: { ...app, matchExpressions: [own] }, ...keys };
    const terms = {
      requiredDuringSchedulingIgnoredDuringExecution: [term],
      preferredDuringSchedulingIgnoredDuringExecution: [{ weight: 1, podAffinityTerm: term }],
    };
    const { spec } = createdPod({ affinity: { podAffinity: terms, podAntiAffinity: terms } });
    const labelSelector = { ...app, matchExpressions: [own, inFront, notRed] };
    const merged = {
      requiredDuringSchedulingIgnoredDuringExecution: [{ ...term, labelSelector }],
      preferredDuringSchedulingIgnoredDuringExecution: [
        { weight: 1, podAffinityTerm: { ...term, labelSelector } },
      ],
    };
    expect(spec.affinity).toEqual({ podAffinity: merged, podAntiAffinity: merged });
    expect(problemsOf(spec)).toEqual([]);
  });

  it('become requirements of spread constraints', () => {
    const constraint = { ...spread, labelSelector: app, matchLabelKeys: ['tier'] };
    const { spec } = createdPod({ topologySpreadConstraints: [constraint] });
    expect(spec.topologySpreadConstraints).toEqual([
      { ...constraint, labelSelector: { ...app, matchExpressions: [inFront] } },
    ]);
    expect(problemsOf(spec)).toEqual([]);
  });

  it('may not be in the selector as well, unless the pod lacks the label', () => {
    const twice = (key: string) => ({
      ...spread,
      labelSelector: { matchLabels: { [key]: 'x' } },
      matchLabelKeys: ['tenant', key],
    });
    const problem = 'exists in both matchLabelKeys and labelSelector';
    expect(problemsOf(createdPod({ topologySpreadConstraints: [twice('tier')] }).spec)).toEqual([
      `spec.topologySpreadConstraints[0][1]: Invalid value: "tier": ${problem}`,
    ]);
    expect(problemsOf(createdPod({ topologySpreadConstraints: [twice('absent')] }).spec)).toEqual([]);
  });

  it('need a selector', () => {
    const { spec } = createdPod({ topologySpreadConstraints: [{ ...spread, matchLabelKeys: ['tier'] }] });
    expect(spec.topologySpreadConstraints?.[0]?.labelSelector).toBeUndefined();
    expect(problemsOf(spec)).toEqual([
      'spec.topologySpreadConstraints[0].matchLabelKeys: Forbidden: must not be specified when labelSelector is not set',
    ]);
  });
});
