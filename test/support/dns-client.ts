/** Runs inside a namespace: `dns-client.ts SERVER COUNT NAME TYPE [tcp]` asks and prints the answer, and times as JSON. */
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { connect } from 'node:net';
import { decode, encode, type RecordType } from 'dns-packet';

const [server = '', count = '1', name = '', type = 'A', transport = 'udp'] = process.argv.slice(2);
const socket = createSocket('udp4');
const timesUs: number[] = [];

function askOnce(id: number): Promise<Buffer> {
  const query = encode({
    id,
    type: 'query',
    flags: 0x0100,
    questions: [{ name, type: type as RecordType }],
    additionals: [
      {
        type: 'OPT',
        name: '.',
        udpPayloadSize: 4096,
        extendedRcode: 0,
        ednsVersion: 0,
        flags: 0,
        flag_do: false,
        options: [],
      },
    ],
  });
  return transport === 'tcp' ? askOverTcp(query) : askOverUdp(query);
}

async function askOverTcp(query: Buffer): Promise<Buffer> {
  const stream = connect(53, server);
  const head = Buffer.allocUnsafe(2);
  head.writeUInt16BE(query.length);
  stream.write(Buffer.concat([head, query]));
  let received = Buffer.alloc(0);
  while (received.length < 2 || received.length < received.readUInt16BE(0) + 2) {
    const [chunk] = (await once(stream, 'data', { signal: AbortSignal.timeout(2_000) })) as [Buffer];
    received = Buffer.concat([received, chunk]);
  }
  stream.destroy();
  return received.subarray(2);
}

function askOverUdp(query: Buffer): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error('no answer')), 2_000);
    socket.once('message', (answer) => {
      clearTimeout(timer);
      resolve(answer);
    });
    socket.send(query, 53, server);
  });
}

let last = Buffer.alloc(0);
for (let i = 0; i < Number(count); i += 1) {
  const startMs = performance.now();
  last = Buffer.from(await askOnce(i & 0xffff));
  timesUs.push((performance.now() - startMs) * 1000);
}
socket.close();
const packet = decode(last);
timesUs.sort((a, b) => a - b);
process.stdout.write(
  JSON.stringify({
    rcode: last.readUInt16BE(2) & 15,
    isCut: (last.readUInt16BE(2) & 0x0200) !== 0,
    answers: packet.answers,
    authorities: packet.authorities,
    medianUs: timesUs[Math.floor(timesUs.length / 2)],
  }),
);
