import { readFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { messageOf } from '../../base/invariant.ts';
import type { Detector } from '../guard/beats.ts';
import type { NodeCapacity } from './node-shape.ts';

export interface HollowFlags {
  /** Certificates of the nodes, and the server. @see HollowIdentities */
  readonly identities: string;
  /** Nodes hollow-FIRST to hollow-(FIRST+COUNT-1). */
  readonly first: number;
  readonly count: number;
  readonly capacity: NodeCapacity;
  readonly detectors: readonly Detector[];
  readonly clusterKey: Buffer;
  readonly powerDir: string;
  readonly podStartMs: number;
  readonly podEndMs: number;
}

/** @throws Error with one line that names the flag */
export function parseHollowFlags(argv: readonly string[]): HollowFlags {
  const { values } = parseArgs({
    args: [...argv],
    options: {
      identities: { type: 'string' },
      first: { type: 'string', default: '1' },
      count: { type: 'string' },
      cpu: { type: 'string', default: '4' },
      memory: { type: 'string', default: '8Gi' },
      pods: { type: 'string', default: '110' },
      detector: { type: 'string', default: '' },
      'beat-key-file': { type: 'string' },
      'power-dir': { type: 'string' },
      'pod-start-ms': { type: 'string', default: '200' },
      'pod-end-ms': { type: 'string', default: '50' },
    },
  });
  return {
    identities: required('identities', values.identities),
    first: whole('first', values.first),
    count: whole('count', required('count', values.count)),
    capacity: { cpu: values.cpu, memory: values.memory, pods: values.pods },
    detectors: values.detector
      .split(',')
      .filter((each) => each !== '')
      .map(toDetector),
    clusterKey: readKey(required('beat-key-file', values['beat-key-file'])),
    powerDir: required('power-dir', values['power-dir']),
    podStartMs: whole('pod-start-ms', values['pod-start-ms']),
    podEndMs: whole('pod-end-ms', values['pod-end-ms']),
  };
}

function required(flag: string, value: string | undefined): string {
  if (value === undefined || value === '') throw new Error(`--${flag} is required`);
  return value;
}

function whole(flag: string, text: string): number {
  if (!/^\d{1,6}$/.test(text)) throw new Error(`--${flag}: ${text} is not a whole number`);
  return Number(text);
}

function toDetector(text: string): Detector {
  const [, address = '', port = ''] = /^([\d.]+):(\d{1,5})$/.exec(text) ?? [];
  if (address === '') throw new Error(`--detector: ${text} is not ADDRESS:PORT`);
  return { address, port: Number(port) };
}

function readKey(path: string): Buffer {
  try {
    return Buffer.from(readFileSync(path, 'utf8').trim(), 'hex');
  } catch (error) {
    throw new Error(`--beat-key-file: ${messageOf(error)}`, { cause: error });
  }
}
