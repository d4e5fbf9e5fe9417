import { afterAll, beforeAll, expect, test } from 'vitest';
import { objectEncoder } from '../../apiserver/decode/protobuf/object-encoder.ts';
import { fuzz } from '../fuzz/fuzz.ts';
import { objectionTo } from '../fuzz/judge.ts';
import type { FuzzAnswer } from '../fuzz/senders.ts';
import { EtcdProcess } from '../support/etcd-process.ts';

/** `node test/fuzz/run.ts --count 100000 --seed N` does more of the same. */
const count = 3_000;
const seed = 20_261_122;

let etcd: EtcdProcess;
beforeAll(async () => {
  etcd = await EtcdProcess.start();
});
afterAll(() => etcd.stop());

test('damaged requests are refused in order, what is accepted is kept, and nothing grows', async () => {
  const report = await fuzz({ seed, count, clients: 8, etcdServers: etcd.url });
  expect(report.findings, report.summary).toEqual([]);
  expect(report.sent).toBeGreaterThan(count * 0.9);
  expect(report.readBack).toBeGreaterThan(count / 50);
}, 120_000);

const request = { method: 'GET', path: '/api/v1/pods', headers: {}, body: undefined };
const answer = (status: number, body: object | string): FuzzAnswer => ({
  ...{ status, isOpen: false, contentType: 'application/json' },
  body: Buffer.from(typeof body === 'string' ? body : JSON.stringify(body)),
});
const frameOf = (bytes: Buffer): Buffer => {
  const length = Buffer.alloc(4);
  length.writeUInt32BE(bytes.length + 1);
  return Buffer.concat([length, bytes]);
};
/** An object, in protobuf, of which only the beginning comes; in a watch a frame that lacks its last byte. */
function protobufAnswer(parameters: string, cut: number): FuzzAnswer {
  const whole = objectEncoder.body({ apiVersion: 'v1', kind: 'Pod', metadata: { name: 'a' } });
  const bytes = whole ?? Buffer.alloc(0);
  const contentType = `application/vnd.kubernetes.protobuf${parameters}`;
  return { status: 200, isOpen: false, contentType, body: cut > 0 ? bytes.subarray(0, cut) : frameOf(bytes) };
}
const failure = {
  kind: 'Status',
  apiVersion: 'v1',
  status: 'Failure',
  message: 'no',
  reason: 'Invalid',
  code: 422,
};

test.each([
  ['a crash', answer(0, ''), 'without an answer'],
  ['an internal error', answer(500, { ...failure, code: 500, reason: 'InternalError' }), 'status 500'],
  ['an error that is no Status', answer(400, { error: 'no' }), 'no Status'],
  ['another code in the Status', answer(409, failure), 'code 422'],
  ['a reason of another code', answer(409, { ...failure, code: 409 }), 'reason Invalid'],
  ['a body that is cut off', answer(200, '{"kind":"Po'), 'no JSON'],
  ['protobuf that is cut off', protobufAnswer('', 40), 'no protobuf'],
  ['a frame that is cut off', protobufAnswer(';stream=watch', 0), 'behind the last frame'],
])('the fuzzer objects to %s', (_what, wrong, objection) => {
  expect(objectionTo(request, answer(422, failure))).toBeUndefined();
  expect(objectionTo(request, wrong)).toContain(objection);
});
