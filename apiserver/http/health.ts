import type { Answer } from './answer.ts';

/** One named check. */
export interface HealthCheck {
  readonly name: string;
  /** Whether a failure means that the process should be restarted, not only that it should get no requests. */
  readonly livez: boolean;
  /** Undefined when all is well, else what is not. */
  check(): string | undefined | Promise<string | undefined>;
}

const endpoints: ReadonlySet<string> = new Set(['healthz', 'livez', 'readyz']);

/** `/livez`, `/readyz`, `/healthz`, each with single checks below. Undefined for another path. */
export async function answerHealth(
  checks: readonly HealthCheck[],
  path: string,
  query: URLSearchParams,
): Promise<Answer | undefined> {
  const [endpoint = '', only, ...more] = path.split('/').filter((part) => part !== '');
  if (!endpoints.has(endpoint) || more.length > 0) return undefined;
  const relevant = endpoint === 'livez' ? checks.filter((check) => check.livez) : checks;
  const chosen = only === undefined ? relevant : relevant.filter((check) => check.name === only);
  if (only !== undefined && chosen.length === 0) return undefined;
  const excluded = query.getAll('exclude');
  const lines: string[] = [];
  let failed = false;
  for (const check of chosen.filter(({ name }) => !excluded.includes(name))) {
    const problem = await check.check();
    failed ||= problem !== undefined;
    lines.push(problem === undefined ? `[+]${check.name} ok` : `[-]${check.name} failed: ${problem}`);
  }
  const contentType = 'text/plain; charset=utf-8';
  if (failed) {
    const body = `${lines.join('\n')}\n${endpoint} check failed\n`;
    return { status: 500, contentType, body };
  }
  const body = query.has('verbose') ? `${lines.join('\n')}\n${endpoint} check passed\n` : 'ok';
  return { status: 200, contentType, body };
}
