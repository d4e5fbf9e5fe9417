/**
 * Runs inside a namespace: `dns-upstream.ts ADDRESS` answers on port 53, over UDP and TCP, and says `ready` when it does.
 * `small.test` has one address, `big.test` three hundred, of which UDP gets none but the word that they do not fit.
 */
import { createSocket } from 'node:dgram';
import { createServer } from 'node:net';
import { decode, encode, type Packet, streamDecode, streamEncode } from 'dns-packet';

const address = process.argv[2] ?? '127.0.0.1';
const manyAddresses = 300;
const truncation = 0x0200;
const nameError = 3;

function answersTo(name: string): string[] | undefined {
  if (name === 'small.test') return ['192.0.2.1'];
  if (name !== 'big.test') return undefined;
  return Array.from({ length: manyAddresses }, (_, i) => `198.18.${i >> 8}.${i & 255}`);
}

function reply(query: Packet, overTcp: boolean): Packet {
  const [question] = query.questions ?? [];
  const found = answersTo(question?.name ?? '');
  const isCut = !overTcp && (found?.length ?? 0) > 10;
  const flags = 0x0180 | (isCut ? truncation : 0) | (found === undefined ? nameError : 0);
  const answers = (isCut ? [] : (found ?? [])).map((data) => ({
    ...{ type: 'A' as const, name: question?.name ?? '', ttl: 30, data },
  }));
  return {
    type: 'response',
    ...(query.id === undefined ? {} : { id: query.id }),
    flags,
    questions: query.questions ?? [],
    answers,
  };
}

const udp = createSocket('udp4');
udp.on('message', (message, from) =>
  udp.send(encode(reply(decode(message), false)), from.port, from.address),
);
const tcp = createServer((socket) => {
  socket.on('error', () => undefined); // The asker has what it wanted.
  socket.once('data', (message) => socket.end(streamEncode(reply(streamDecode(message), true))));
});
udp.bind(53, address, () => tcp.listen(53, address, () => process.stdout.write('ready\n')));
