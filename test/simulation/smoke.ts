import { deployments, services } from '../../api/generated/resources.ts';
import { createLogger } from '../../base/logger.ts';
import { World } from './world.ts';

const level = process.env['LOG'] ?? 'silent';
const world = new World({
  seed: Number(process.env['SEED'] ?? 1), hosts: 3, apiServers: 2, replicas: 2, keepTrace: true,
  loggerOf: (p) => createLogger({ component: p.name, level }),
});
const t0 = Date.now();
await world.boot();
console.log('booted', Date.now() - t0, 'ms', world.time.steps, 'steps');
const p = world.createProcess('user');
const client = world.clientOf(p, 'admin', ['system:masters']);
const labels = { app: 'web' };
client.create(deployments, { apiVersion: 'apps/v1', kind: 'Deployment', metadata: { name: 'web', namespace: 'default' },
  spec: { replicas: 3, selector: { matchLabels: labels }, template: { metadata: { labels } as never, spec: { containers: [{ name: 'c', image: 'nginx' }] } } } } as never).then(() => console.log('created'), (e) => console.log(e));
client.create(services, { apiVersion: 'v1', kind: 'Service', metadata: { name: 'web', namespace: 'default' }, spec: { selector: labels, ports: [{ port: 80 }] } } as never).catch(e => console.log(e));
await world.time.runUntil(world.time.nowMs + 20_000);
console.log(Date.now() - t0, 'ms', world.time.steps, 'steps', world.violations);
for (const k of ['/nodes', '/pods', 'apps/deployments', 'discovery.k8s.io/endpointslices', 'coordination.k8s.io/leases'])
  for (const o of world.history.all(k)) console.log(k, o.metadata.name, JSON.stringify((o as any).status ?? (o as any).endpoints ?? (o as any).spec).slice(0, 300));
console.log(world.trace.digest(), world.trace.lines.length);
process.exit(0);
