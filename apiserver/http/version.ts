import type { Answer } from './answer.ts';

/** The Kubernetes whose API this is. Clients parse it as a semantic version. */
export const gitVersion = 'v1.36.2';

export const versionAnswer: Answer = {
  status: 200,
  contentType: 'application/json',
  body: `${JSON.stringify(
    {
      major: '1',
      minor: '36',
      emulationMajor: '1',
      emulationMinor: '36',
      minCompatibilityMajor: '1',
      minCompatibilityMinor: '35',
      gitVersion,
      gitCommit: '',
      gitTreeState: 'clean',
      buildDate: '2026-11-22T00:00:00Z',
      goVersion: `node ${process.version}`,
      compiler: 'v8',
      platform: `${process.platform}/${process.arch === 'x64' ? 'amd64' : process.arch}`,
    },
    undefined,
    2,
  )}\n`,
};
