import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer, type Server } from 'node:https';
import type { AddressInfo } from 'node:net';
import { WebSocketServer } from 'ws';
import type { ServiceAccount } from '../../api/generated/core-v1.ts';
import { nodes, pods, serviceaccounts } from '../../api/generated/resources.ts';
import type { NewObject } from '../../api/kind-info.ts';
import { isAlreadyExists } from '../../api/status-error.ts';
import { systemClock } from '../../base/clock.ts';
import { silentLogger } from '../../base/logger.ts';
import { createApiClient } from '../../client/http-client.ts';
import type { FuzzTarget } from './target.ts';

const node = 'streams-node';

/**
 * A pod `default/streams` on a node whose agent echoes WebSocket frames, and ends a third of the connections without a
 * word: what the API server does with streams is tried without a host.
 */
export async function startStreams(target: FuzzTarget): Promise<Server> {
  const pair = await target.pki.ca.issue({ commonName: `system:node:${node}`, hosts: ['127.0.0.1'] });
  const tls = { cert: pair.cert, key: pair.key, ca: target.pki.caPem, requestCert: true };
  const agent = createServer(tls, answerLog);
  const sockets = new WebSocketServer({ server: agent });
  let connections = 0;
  sockets.on('connection', (socket) => {
    connections += 1;
    socket.on('error', () => socket.terminate());
    if (connections % 3 === 0) socket.terminate();
    else socket.on('message', (data, isBinary) => socket.send(data, { binary: isBinary }));
  });
  await new Promise<void>((resolve) => {
    agent.listen(0, '127.0.0.1', resolve);
  });
  await createPod(target, (agent.address() as AddressInfo).port);
  return agent;
}

function answerLog(request: IncomingMessage, response: ServerResponse): void {
  if (request.url?.includes('tailLines') === true) response.destroy();
  else response.end('line\n');
}

async function createPod(target: FuzzTarget, port: number): Promise<void> {
  const common = { clock: systemClock, logger: silentLogger, userAgent: 'fuzz' };
  const client = createApiClient({ ...common, config: target.config });
  const status = {
    addresses: [{ type: 'InternalIP', address: '127.0.0.1' }],
    daemonEndpoints: { kubeletEndpoint: { Port: port } },
  };
  await client.create(nodes, { apiVersion: 'v1', kind: 'Node', metadata: { name: node }, spec: {}, status });
  const account: NewObject<ServiceAccount> = {
    apiVersion: 'v1',
    kind: 'ServiceAccount',
    metadata: { name: 'default', namespace: 'default' },
  };
  await client.create(serviceaccounts, account).catch((error: unknown) => {
    // Another one was quicker.
    if (!isAlreadyExists(error)) throw error;
  });
  const spec = { containers: [{ name: 'c', image: 'x' }], nodeName: node };
  const metadata = { name: 'streams', namespace: 'default' };
  await client.create(pods, { apiVersion: 'v1', kind: 'Pod', metadata, spec });
  client.close();
}
