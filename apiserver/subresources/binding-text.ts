/**
 * The JSON of a pod that gets its node, cut into that of the pod that waits for one: nothing is parsed or serialised,
 * which would take five times as long. It is for the plain pod that nobody has said anything about yet; for every
 * other one the answer is undefined, and `bindPod` makes it. Both make the same pod.
 */
import { toTime } from '../../base/clock.ts';
import type { VersionlessObject } from '../storage/storage.ts';
import type { CachedObject } from '../watch-cache/read-cache.ts';

/** How stored pods begin. @see storage/envelope.ts */
const head = Buffer.from('{"kind":"Pod","apiVersion":"v1","metadata":{"resourceVersion":"');
/** How a pod ends that has the status of a new one. Nothing but the last field of the whole can end like this. */
const tails = ['Guaranteed', 'Burstable', 'BestEffort'].map((qosClass) => {
  const status = `"status":{"phase":"Pending","qosClass":"${qosClass}"`;
  return { text: Buffer.from(`},${status}}}`), status };
});
/**
 * What makes a pod another than a plain one, or what others' bindings may concern. A quote inside of a string has a
 * backslash before it, so these are fields; wherever they stand, the long way is never wrong.
 */
const notPlain =
  /"(?:deletionTimestamp|nodeName|schedulingGates|affinity|topologySpreadConstraints|persistentVolumeClaim)":/;
const labelsField = '"labels":{';

export interface TextOrder {
  readonly node: string;
  /** Of the node's place. */
  readonly labels?: Readonly<Record<string, string>> | undefined;
}

/** @returns undefined for a pod that is not plain */
export function boundText(pod: CachedObject, order: TextOrder, nowMs: number): VersionlessObject | undefined {
  const { json } = pod;
  const digits = String(pod.version).length;
  const tail = tails.find(({ text }) => text.equals(json.subarray(json.length - text.length)));
  if (tail === undefined || !head.equals(json.subarray(0, head.length))) return undefined;
  const text = json.toString('latin1');
  if (notPlain.test(text)) return undefined;
  const versionEnd = head.length + digits;
  const cut = labelsCut(pod, text, order.labels, versionEnd);
  if (cut === undefined) return undefined;
  const specEnd = json.length - tail.text.length;
  const time = toTime(nowMs);
  const end = `,"nodeName":${JSON.stringify(order.node)}},${tail.status},"conditions":[{"type":"PodScheduled","status":"True","lastProbeTime":null,"lastTransitionTime":"${time}"}]}}`;
  const bytes = Buffer.allocUnsafe(specEnd - digits + Buffer.byteLength(cut.insert) + Buffer.byteLength(end));
  let at = json.copy(bytes, 0, 0, head.length);
  at += json.copy(bytes, at, versionEnd, cut.at);
  at += bytes.write(cut.insert, at);
  at += json.copy(bytes, at, cut.at, specEnd);
  bytes.write(end, at);
  return { storageVersion: 'v1', json: bytes, offset: head.length };
}

/** Where the labels of the node's place go in, and as what. @returns undefined where the pod has one of them already */
function labelsCut(
  { labels: own }: CachedObject,
  text: string,
  labels: TextOrder['labels'],
  versionEnd: number,
): { readonly at: number; readonly insert: string } | undefined {
  if (labels === undefined) return { at: versionEnd, insert: '' };
  if (Object.keys(labels).some((key) => own.has(key))) return undefined;
  const fields = JSON.stringify(labels).slice(1, -1);
  if (own.size > 0) {
    // Metadata stands before everything else that may have labels.
    return { at: text.indexOf(labelsField) + labelsField.length, insert: `${fields},` };
  }
  return text.includes(labelsField) ? undefined : { at: versionEnd + 1, insert: `,"labels":{${fields}}` };
}
