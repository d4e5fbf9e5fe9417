import type { Logger } from '../../base/logger.ts';
import type { Answer } from './answer.ts';

export type HealthEndpoint = 'healthz' | 'livez' | 'readyz';

/** One named check. */
export interface HealthCheck {
  readonly name: string;
  /** Where it counts. A failing `livez` says that the process should be started anew. */
  readonly endpoints: readonly HealthEndpoint[];
  /** Undefined when all is well, else what is not. */
  check(): string | undefined | Promise<string | undefined>;
}

const endpoints: readonly HealthEndpoint[] = ['healthz', 'livez', 'readyz'];
const headers = { 'x-content-type-options': 'nosniff' } as const;

/**
 * `/livez`, `/readyz`, `/healthz`, each with single checks below, `?verbose` and `?exclude=NAME`, in Kubernetes' form.
 * Why a check fails stands in the log: these paths are open to everybody. Undefined for another path.
 */
export async function answerHealth(
  { checks, logger }: { readonly checks: readonly HealthCheck[]; readonly logger: Logger },
  path: string,
  query: URLSearchParams,
): Promise<Answer | undefined> {
  const endpoint = endpoints.find((name) => path === `/${name}` || path.startsWith(`/${name}/`));
  if (endpoint === undefined) return undefined;
  const only = path.slice(endpoint.length + 2);
  const relevant = checks.filter((check) => check.endpoints.includes(endpoint));
  if (only !== '') {
    const found = relevant.find(({ name }) => name === only);
    return found && answerSingle(found);
  }
  const { lines, failed } = await runAll(relevant, query, logger);
  if (failed) return text(500, `${lines.join('')}${endpoint} check failed\n`);
  return text(200, query.has('verbose') ? `${lines.join('')}${endpoint} check passed\n` : 'ok');
}

async function answerSingle({ check }: HealthCheck): Promise<Answer> {
  const problem = await check();
  return problem === undefined ? text(200, 'ok') : text(500, `internal server error: ${problem}\n`);
}

async function runAll(
  checks: readonly HealthCheck[],
  query: URLSearchParams,
  logger: Logger,
): Promise<{ readonly lines: readonly string[]; readonly failed: boolean }> {
  const excluded = new Set(query.getAll('exclude'));
  const lines: string[] = [];
  let failed = false;
  for (const { name, check } of checks) {
    if (excluded.delete(name)) {
      lines.push(`[+]${name} excluded: ok\n`);
      continue;
    }
    const problem = await check();
    if (problem !== undefined) logger.warn({ check: name, problem }, 'a health check fails');
    failed ||= problem !== undefined;
    lines.push(problem === undefined ? `[+]${name} ok\n` : `[-]${name} failed: reason withheld\n`);
  }
  if (excluded.size > 0) {
    const unknown = [...excluded].map((name) => `"${name}"`).join(', ');
    lines.push(`warn: some health checks cannot be excluded: no matches for ${unknown}\n`);
  }
  return { lines, failed };
}

const text = (status: number, body: string): Answer => ({
  status,
  contentType: 'text/plain; charset=utf-8',
  body,
  headers,
});
