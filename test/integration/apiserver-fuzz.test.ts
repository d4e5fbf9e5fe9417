import { afterAll, beforeAll, expect, test } from 'vitest';
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
])('the fuzzer objects to %s', (_what, wrong, objection) => {
  expect(objectionTo(request, answer(422, failure))).toBeUndefined();
  expect(objectionTo(request, wrong)).toContain(objection);
});
