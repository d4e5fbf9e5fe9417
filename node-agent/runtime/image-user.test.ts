import { describe, expect, it } from 'vitest';
import { resolveUser, verifyNonRoot } from './image-user.ts';

const files = {
  passwd: 'root:x:0:0:root:/root:/bin/sh\nweb:x:100:101::/:/bin/sh\nbroken line\n',
  group: 'root:x:0:\nweb:x:101:\nlog:x:7:web,other\n',
};
const nobody = { runAsUser: undefined, runAsGroup: undefined, supplementalGroups: [] };

describe('resolveUser', () => {
  it.each([
    ['nobody named', nobody, '', { uid: 0, gid: 0, additionalGids: [0] }],
    ['a name', nobody, 'web', { uid: 100, gid: 101, additionalGids: [101, 7] }],
    ['a known number', nobody, '100', { uid: 100, gid: 101, additionalGids: [101, 7] }],
    ['an unknown number', nobody, '4242', { uid: 4242, gid: 0, additionalGids: [0] }],
    ['a name and a group', nobody, 'web:log', { uid: 100, gid: 7, additionalGids: [7] }],
    ['numbers', nobody, '5:6', { uid: 5, gid: 6, additionalGids: [6] }],
    [
      'the pod over the image',
      { runAsUser: 100, runAsGroup: 55, supplementalGroups: [9] },
      'root',
      { uid: 100, gid: 55, additionalGids: [55, 7, 9] },
    ],
    [
      'only what the pod names, when it is strict',
      { ...nobody, supplementalGroups: [9], supplementalGroupsPolicy: 'Strict' as const },
      'web',
      { uid: 100, gid: 101, additionalGids: [101, 9] },
    ],
  ])('%s', (_, security, imageUser, expected) => {
    expect(resolveUser(security, imageUser, files)).toEqual(expected);
  });

  it('refuses a name that the image does not have', () => {
    expect(() => resolveUser(nobody, 'ghost', files)).toThrow('unable to find user ghost');
    expect(() => resolveUser(nobody, 'web:ghosts', files)).toThrow('unable to find group ghosts');
  });
});

describe('verifyNonRoot', () => {
  const where = { pod: { uid: 'u', namespace: 'ns', name: 'p' }, container: 'c' };
  const verify = (runAsUser: number | undefined, imageUser: string) => () =>
    verifyNonRoot({ runAsNonRoot: true, runAsUser }, imageUser, where);

  it('lets numbers other than 0 pass', () => {
    expect(verify(5, '')).not.toThrow();
    expect(verify(undefined, '5:0')).not.toThrow();
  });

  it.each([
    [verify(0, '5'), 'container\'s runAsUser breaks non-root policy (pod: "p_ns(u)", container: c)'],
    [verify(undefined, ''), 'container has runAsNonRoot and image will run as root'],
    [verify(undefined, 'web'), 'image has non-numeric user (web), cannot verify user is non-root'],
  ])('refuses with the words of the kubelet', (attempt, words) => {
    expect(attempt).toThrow(words);
  });
});
