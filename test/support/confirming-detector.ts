/**
 * Runs inside a namespace: `confirming-detector.ts ADDRESS PORT NODE KEY` (the node's beat key in hexadecimal) confirms each
 * renewal of the node's Lease, and writes the load that it carries as a line of JSON.
 */
import { createSocket } from 'node:dgram';
import { beatNodeId, deriveAnswerKey, isSealed, sequenceIn } from '../../base/beat.ts';
import { encodeConfirmation, isRenewal, loadIn } from '../../base/beat-renewal.ts';
import { toSipKey } from '../../base/sip-hash.ts';

const [address = '', port = '', node = '', hex = ''] = process.argv.slice(2);
const key = Buffer.from(hex, 'hex');
const socket = createSocket('udp4');

socket.on('message', (datagram, from) => {
  if (!isRenewal(datagram) || !isSealed(datagram, toSipKey(key))) return;
  process.stdout.write(`${JSON.stringify(loadIn(datagram))}\n`);
  const confirmation = encodeConfirmation(beatNodeId(node), sequenceIn(datagram), deriveAnswerKey(key));
  socket.send(confirmation, from.port, from.address);
});
socket.bind(Number(port), address, () => process.stdout.write('ready\n'));
