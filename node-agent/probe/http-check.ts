import { request as httpRequest, type RequestOptions } from 'node:http';
import { request as httpsRequest } from 'node:https';
import type { Clock } from '../../base/clock.ts';
import type { CheckResult, HttpCheckRequest } from './probe-checks.ts';

const maxBodyBytes = 10 * 1024;
const maxRedirects = 10;

/** Status 200 to 399 is success. Redirects are followed on the same host; one to another host is a success with a warning. */
export async function httpCheck(
  clock: Clock,
  { action, address, timeoutMs }: HttpCheckRequest,
): Promise<CheckResult> {
  const scheme = action.scheme === 'HTTPS' ? 'https' : 'http';
  const host = action.host === undefined || action.host === '' ? address : action.host;
  const bracketed = host.includes(':') ? `[${host}]` : host;
  const path = action.path === undefined || action.path === '' ? '/' : action.path;
  const url = `${scheme}://${bracketed}:${action.port}${path.startsWith('/') ? '' : '/'}${path}`;
  const deadline = new AbortController();
  const timer = clock.setTimer(timeoutMs, () => deadline.abort());
  try {
    return await follow({ url, headers: headersOf(action.httpHeaders), signal: deadline.signal }, 0);
  } finally {
    timer.cancel();
  }
}

interface Visit {
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly signal: AbortSignal;
}

function headersOf(given: HttpCheckRequest['action']['httpHeaders']): Record<string, string> {
  const headers: Record<string, string> = {
    'User-Agent': 'kube-probe/1.36',
    Accept: '*/*',
    Connection: 'close',
  };
  for (const { name, value } of given ?? []) {
    const known = Object.keys(headers).find((key) => key.toLowerCase() === name.toLowerCase());
    if (known !== undefined) delete headers[known];
    if (value !== '') headers[name] = value;
  }
  return headers;
}

async function follow(visit: Visit, redirects: number): Promise<CheckResult> {
  const answer = await get(visit);
  if ('failure' in answer) return { outcome: 'failure', message: answer.failure };
  const target = answer.location === undefined ? undefined : new URL(answer.location, visit.url);
  if (answer.status >= 300 && answer.status < 400 && target !== undefined) {
    if (target.hostname !== new URL(visit.url).hostname)
      return { outcome: 'warning', message: `Probe terminated redirects, Response body: ${answer.body}` };
    if (redirects >= maxRedirects)
      return { outcome: 'failure', message: `stopped after ${maxRedirects} redirects` };
    return follow({ ...visit, url: target.href }, redirects + 1);
  }
  if (answer.status >= 200 && answer.status < 400) return { outcome: 'success', message: answer.body };
  const message = `HTTP probe failed with statuscode: ${answer.status}`;
  return { outcome: 'failure', message, httpStatus: answer.status };
}

type Answer =
  | { readonly status: number; readonly location: string | undefined; readonly body: string }
  | { readonly failure: string };

/** The server's certificate is not verified: the check is whether it answers. */
function get({ url, headers, signal }: Visit): Promise<Answer> {
  return new Promise((resolve) => {
    const fail = (error: Error): void => resolve({ failure: failureText(url, error, signal) });
    const options: RequestOptions = { headers: { ...headers }, signal, agent: false };
    const started = url.startsWith('https:')
      ? httpsRequest(url, { ...options, rejectUnauthorized: false })
      : httpRequest(url, options);
    started.on('error', fail);
    started.on('response', (response) => {
      const chunks: Buffer[] = [];
      let size = 0;
      const finish = (): void => {
        const body = Buffer.concat(chunks).subarray(0, maxBodyBytes).toString();
        resolve({ status: response.statusCode ?? 0, location: response.headers.location, body });
      };
      response.on('data', (chunk: Buffer) => {
        chunks.push(chunk);
        size += chunk.length;
        if (size < maxBodyBytes) return;
        finish();
        response.destroy();
      });
      response.on('end', finish);
      response.on('error', fail);
    });
    started.end();
  });
}

function failureText(url: string, error: Error & { code?: string }, signal: AbortSignal): string {
  if (signal.aborted)
    return `Get "${url}": context deadline exceeded (Client.Timeout exceeded while awaiting headers)`;
  const { host } = new URL(url);
  if (error.code === 'ECONNREFUSED') return `Get "${url}": dial tcp ${host}: connect: connection refused`;
  if (error.code === 'ECONNRESET') return `Get "${url}": EOF`;
  return `Get "${url}": ${error.message}`;
}
