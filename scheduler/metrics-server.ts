import { createServer, type Server, type ServerResponse } from 'node:http';
import type { SchedulerMetrics } from './metrics.ts';

const address = '127.0.0.1';

/** Serves `/metrics`, `/healthz`, `/livez` and `/readyz` on the loopback address until `signal` aborts. */
export async function serveMetrics(
  port: number,
  metrics: SchedulerMetrics,
  signal: AbortSignal,
): Promise<void> {
  const server = createServer((request, response) => {
    const path = request.url?.split('?')[0] ?? '';
    if (path === '/metrics') void answerMetrics(metrics, response);
    else if (['/healthz', '/livez', '/readyz'].includes(path)) response.end('ok');
    else response.writeHead(404).end('404 page not found\n');
  });
  await listen(server, port);
  await new Promise<void>((resolve) => {
    const close = (): void => {
      server.closeAllConnections();
      server.close(() => resolve());
    };
    if (signal.aborted) close();
    else signal.addEventListener('abort', close, { once: true });
  });
}

async function answerMetrics(metrics: SchedulerMetrics, response: ServerResponse): Promise<void> {
  const text = await metrics.render();
  response.writeHead(200, { 'content-type': metrics.contentType }).end(text);
}

const listen = (server: Server, port: number): Promise<void> =>
  new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, address, resolve);
  });
