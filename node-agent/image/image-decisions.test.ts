import { describe, expect, it } from 'vitest';
import { CommandError } from '../runtime/command.ts';
import { bytesToFree, planGarbage } from './garbage.ts';
import type { ImageRecord } from './image-record.ts';
import { pullError } from './image-source.ts';
import { entryParts } from './layer-path.ts';
import { attributeDump } from './layer-writer.ts';
import { chooseByPlatform } from './oci-layout.ts';
import { parseReference } from './reference.ts';

describe('garbage', () => {
  const policy = { highPercent: 85, lowPercent: 80, minAgeMs: 100, inUse: new Set(['used']) };
  const disk = (usedBytes: number) => ({ usedBytes, availableBytes: 1000 - usedBytes, capacityBytes: 1000 });

  it('frees down to the low mark once the high one is passed', () => {
    expect([bytesToFree(disk(850), policy), bytesToFree(disk(851), policy)]).toEqual([0, 51]);
  });

  it('takes the least recently used first, and none that is in use or young', () => {
    const record = (id: string, usedAtMs: number): ImageRecord => ({
      id,
      repoTags: [],
      repoDigests: [],
      sizeBytes: 1,
      diffIds: [],
      config: { user: '', env: [], entrypoint: [], cmd: [], workingDir: '', stopSignal: undefined },
      usedAtMs,
    });
    const records = [record('b', 20), record('used', 1), record('young', 950), record('a', 10)];
    expect(planGarbage(records, policy, 1000).map(({ id }) => id)).toEqual(['a', 'b']);
  });
});

describe('layers', () => {
  it('takes names apart and refuses those that climb', () => {
    expect(entryParts('./a//b/')).toEqual(['a', 'b']);
    expect(entryParts('./')).toBeUndefined();
    expect(() => entryParts('a/../../b')).toThrow('leads out of the layer');
  });

  it('writes attributes so that any file name is one line', () => {
    const dump = attributeDump([{ path: '/a b\n', name: 'user.x', value: Buffer.from([1]) }]);
    expect(dump).toBe('# file: /a\\040b\\012\nuser.x=0sAQ==\n\n');
  });
});

describe('platforms', () => {
  const entry = (os: string, architecture: string) => ({
    mediaType: '',
    digest: `${os}/${architecture}`,
    size: 1,
    platform: { os, architecture },
  });

  it('chooses this machine’s and says when there is none', () => {
    const manifests = [entry('windows', 'amd64'), entry('linux', 'arm64'), entry('linux', 'amd64')];
    expect(chooseByPlatform(manifests, 'x64').digest).toBe('linux/amd64');
    expect(() => chooseByPlatform([entry('linux', 's390x')], 'arm64')).toThrow(
      'no match for platform linux/arm64',
    );
  });
});

describe('pull errors', () => {
  it.each([
    ['reading manifest latest in x: manifest unknown', 'IMAGE_NOT_FOUND'],
    ['unauthorized: authentication required', 'IMAGE_UNAUTHORIZED'],
    ['dial tcp 10.0.0.1:443: connect: connection refused', 'IMAGE_PULL'],
  ])('%s is %s', (stderr, code) => {
    const result = { exitCode: 1, stdout: Buffer.alloc(0), stderr: Buffer.from(stderr), timedOut: false };
    expect(pullError(parseReference('x'), new CommandError('skopeo', result)).code).toBe(code);
  });
});
