import { readFileSync } from 'node:fs';
import { isIPv4 } from 'node:net';
import { parseArgs } from 'node:util';
import { messageOf } from '../../base/invariant.ts';
import type { Detector } from './beats.ts';

export interface GuardFlags {
  readonly nodeName: string;
  readonly nodeIp: string;
  readonly runDir: string;
  readonly stateDir: string;
  readonly detectors: readonly Detector[];
  readonly beatKey: Buffer;
  readonly clusterDns: string;
  readonly clusterDomain: string;
  readonly resolvConf: string;
}

const detectorPort = 10260;

/** @throws Error with one line that names the flag */
export function parseGuardFlags(argv: readonly string[]): GuardFlags {
  const { values } = parseArgs({
    args: [...argv],
    options: {
      'node-name': { type: 'string' },
      'node-ip': { type: 'string' },
      'run-dir': { type: 'string', default: '/run/coracle' },
      'state-dir': { type: 'string', default: '/var/lib/coracle/guard' },
      detector: { type: 'string', multiple: true, default: [] },
      'beat-key-file': { type: 'string' },
      'cluster-dns': { type: 'string', default: '10.96.0.10' },
      'cluster-domain': { type: 'string', default: 'cluster.local' },
      'resolv-conf': { type: 'string', default: '/etc/resolv.conf' },
    },
  });
  return {
    nodeName: required('node-name', values['node-name']),
    nodeIp: address('node-ip', values['node-ip']),
    runDir: values['run-dir'],
    stateDir: values['state-dir'],
    detectors: values.detector.flatMap((list) => list.split(',')).map(toDetector),
    beatKey: readKey(required('beat-key-file', values['beat-key-file'])),
    clusterDns: address('cluster-dns', values['cluster-dns']),
    clusterDomain: values['cluster-domain'].replace(/\.$/, ''),
    resolvConf: values['resolv-conf'],
  };
}

function required(flag: string, value: string | undefined): string {
  if (value === undefined || value === '') throw new Error(`--${flag} is required`);
  return value;
}

function address(flag: string, value: string | undefined): string {
  const text = required(flag, value);
  if (!isIPv4(text)) throw new Error(`--${flag}: ${text} is not an IPv4 address`);
  return text;
}

function toDetector(text: string): Detector {
  const [host = '', port = String(detectorPort)] = text.split(':');
  if (!isIPv4(host) || !/^\d{1,5}$/.test(port) || Number(port) > 65_535)
    throw new Error(`--detector: ${text} is not ADDRESS:PORT`);
  return { address: host, port: Number(port) };
}

function readKey(path: string): Buffer {
  try {
    const key = Buffer.from(readFileSync(path, 'utf8').trim(), 'hex');
    if (key.length > 0) return key;
  } catch (error) {
    throw new Error(`--beat-key-file: ${messageOf(error)}`, { cause: error });
  }
  throw new Error(`--beat-key-file: ${path} holds no hexadecimal key`);
}
