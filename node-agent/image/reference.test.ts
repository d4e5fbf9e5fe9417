import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { codeOf } from '../../base/invariant.ts';
import { formatReference, localNamesOf, parseReference } from './reference.ts';

const digest = `sha256:${'a'.repeat(64)}`;

describe('parseReference', () => {
  it.each([
    ['nginx', 'docker.io/library/nginx:latest'],
    ['nginx:1.27', 'docker.io/library/nginx:1.27'],
    ['user/app', 'docker.io/user/app:latest'],
    ['localhost/app', 'localhost/app:latest'],
    ['10.0.0.1:5000/a/b:v1', '10.0.0.1:5000/a/b:v1'],
    ['registry:5000/app', 'registry:5000/app:latest'],
    ['docker.io/nginx', 'docker.io/library/nginx:latest'],
    ['index.docker.io/library/nginx', 'docker.io/library/nginx:latest'],
    [`nginx@${digest}`, `docker.io/library/nginx@${digest}`],
    [`nginx:1@${digest}`, `docker.io/library/nginx:1@${digest}`],
    ['[::1]:5000/app', '[::1]:5000/app:latest'],
  ])('%s is %s', (text, whole) => {
    expect(formatReference(parseReference(text))).toBe(whole);
    expect(formatReference(parseReference(whole))).toBe(whole);
  });

  it.each([
    '',
    'Nginx',
    'a:b:c/d',
    'nginx:',
    '../etc',
    'a/../b',
    '/abs',
    'nginx@sha256:1',
    'a b',
    'a//b',
    '-a',
    'a:-',
  ])('refuses %j', (text) => {
    expect(() => parseReference(text)).toThrow(`couldn't parse image name "${text}"`);
  });

  /** A reference is refused with its code, or every name it can have on disk stays inside its directory. */
  function staysInside(text: string): boolean {
    try {
      const parts = localNamesOf(parseReference(text)).flatMap((name) => name.split('/'));
      return parts.every((part) => part !== '..' && part !== '');
    } catch (error) {
      return codeOf(error) === 'IMAGE_INVALID_NAME';
    }
  }

  it('never gives a name that leads out of a directory', () => {
    const texts = fc.string({ unit: fc.constantFrom('.', '/', 'a', ':', '-', '_', '@'), maxLength: 12 });
    expect(fc.check(fc.property(texts, staysInside)).counterexample).toBeNull();
  });

  it('offers the names under which a directory may hold the image', () => {
    expect(localNamesOf(parseReference('nginx'))).toEqual([
      'nginx',
      'library/nginx',
      'docker.io/library/nginx',
    ]);
    expect(localNamesOf(parseReference('ghcr.io/a/b'))).toEqual(['ghcr.io/a/b']);
  });
});
