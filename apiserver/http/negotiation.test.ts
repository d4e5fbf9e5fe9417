import { describe, expect, it } from 'vitest';
import { negotiate, negotiateObject } from './negotiation.ts';

describe('negotiateObject', () => {
  const asTable = 'application/json;as=Table;v=v1;g=meta.k8s.io';

  it('refuses rows for what has none', () => {
    expect(negotiate(asTable).shape).toBe('table');
    expect(() => negotiateObject(asTable)).toThrow('only the following media types are accepted');
  });

  it('gives objects in every encoding', () => {
    expect(negotiateObject('application/yaml').media).toBe('yaml');
    expect(negotiateObject(undefined).media).toBe('json');
  });
});
