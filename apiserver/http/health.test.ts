import { expect, it } from 'vitest';
import { silentLogger } from '../../base/logger.ts';
import { answerHealth, type HealthCheck } from './health.ts';

const checks: HealthCheck[] = [
  { name: 'ping', endpoints: ['healthz', 'livez', 'readyz'], check: () => undefined },
  { name: 'etcd', endpoints: ['healthz', 'readyz'], check: async () => 'no member answers' },
  { name: 'poststarthook/rbac/bootstrap-roles', endpoints: ['livez'], check: () => undefined },
];

async function ask(url: string): Promise<{ status: number; body: string } | undefined> {
  const { pathname, searchParams } = new URL(url, 'http://localhost');
  const answer = await answerHealth({ checks, logger: silentLogger }, pathname, searchParams);
  return answer && { status: answer.status, body: String(answer.body) };
}

it.each([
  ['/livez', 200, 'ok'],
  ['/livez/ping', 200, 'ok'],
  ['/livez/poststarthook/rbac/bootstrap-roles', 200, 'ok'],
  ['/livez?verbose', 200, '[+]ping ok\n[+]poststarthook/rbac/bootstrap-roles ok\nlivez check passed\n'],
  ['/readyz', 500, '[+]ping ok\n[-]etcd failed: reason withheld\nreadyz check failed\n'],
  ['/readyz?exclude=etcd', 200, 'ok'],
  ['/readyz?verbose&exclude=etcd', 200, '[+]ping ok\n[+]etcd excluded: ok\nreadyz check passed\n'],
  ['/readyz/etcd', 500, 'internal server error: no member answers\n'],
  [
    '/livez?verbose&exclude=etcd&exclude=ping',
    200,
    '[+]ping excluded: ok\n[+]poststarthook/rbac/bootstrap-roles ok\nwarn: some health checks cannot be excluded: no matches for "etcd"\nlivez check passed\n',
  ],
])('%s', async (url, status, body) => {
  expect(await ask(url)).toEqual({ status, body });
});

it.each(['/livez/etcd', '/livez/nothing', '/livezz', '/version'])('%s is not answered here', async (url) => {
  expect(await ask(url)).toBeUndefined();
});
