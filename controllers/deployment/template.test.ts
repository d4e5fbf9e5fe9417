import { describe, expect, it } from 'vitest';
import { aDeployment, aReplicaSet } from '../../test/support/workload-objects.ts';
import { templateHash } from '../template-hash.ts';
import { findByTemplate, isSameTemplate } from './template.ts';

describe('templateHash', () => {
  it('is ten letters that spell nothing, the same for equal templates', () => {
    const { template } = aDeployment().spec;
    expect(templateHash(template, undefined)).toMatch(/^[bcdfghjklmnpqrstvwxz2456789]{10}$/);
    const reordered = { spec: template.spec, metadata: template.metadata };
    expect(templateHash(reordered, undefined)).toBe(templateHash(template, undefined));
  });

  it('differs for another template and after a collision', () => {
    const { template } = aDeployment().spec;
    const other = aDeployment({ image: 'nginx:2' }).spec.template;
    const hashes = [
      templateHash(template, undefined),
      templateHash(template, 1),
      templateHash(other, undefined),
    ];
    expect(new Set(hashes).size).toBe(3);
  });
});

describe('isSameTemplate', () => {
  it('does not see the hash label, nor the difference between empty and absent', () => {
    const { template } = aDeployment().spec;
    const labelled = aReplicaSet({ labels: { app: 'web', 'pod-template-hash': 'abc' } }).spec.template;
    expect(isSameTemplate(template, labelled)).toBe(true);
    const spelledOut = {
      ...template,
      spec: { containers: template.spec?.containers ?? [], tolerations: [] },
    };
    expect(isSameTemplate(template, spelledOut)).toBe(true);
    expect(isSameTemplate(template, aDeployment({ image: 'other' }).spec.template)).toBe(false);
  });

  it('finds the oldest of equal replica sets', () => {
    const older = aReplicaSet({ created: '2025-01-01T00:00:00Z' });
    expect(findByTemplate([aReplicaSet(), older], aDeployment().spec.template)).toBe(older);
  });
});
