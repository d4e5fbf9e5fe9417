/** Run inside a network namespace: asks the DNS server named by the first argument and prints each time in microseconds. */
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { encode } from 'dns-packet';

const [server = ''] = process.argv.slice(2);
const warmUp = 500;
const counted = 5_000;
const socket = createSocket('udp4');
socket.connect(53, server);
await once(socket, 'connect');
const times: number[] = [];
for (let id = 1; id <= warmUp + counted; id += 1) {
  const query = encode({
    type: 'query',
    id,
    flags: 0x100,
    questions: [{ type: 'A', class: 'IN', name: 'nginx.default.svc.cluster.local' }],
  });
  const startMs = performance.now();
  socket.send(query);
  const [answer] = (await once(socket, 'message', { signal: AbortSignal.timeout(2_000) })) as [Buffer];
  if (answer.readUInt16BE(6) === 0) throw new Error('the answer has no record');
  if (id > warmUp) times.push((performance.now() - startMs) * 1_000);
}
socket.close();
process.stdout.write(JSON.stringify(times));
