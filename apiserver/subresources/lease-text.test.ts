import fc from 'fast-check';
import { expect, it } from 'vitest';
import type { AnyObject } from '../../api/kind-info.ts';
import { loadAnnotation } from '../../api/node-load.ts';
import { toMicroTime } from '../../base/clock.ts';
import { prepareObject, spliceVersion } from '../storage/envelope.ts';
import { type LeaseText, LeaseTexts, renewedText, toLeaseText } from './lease-text.ts';
import { isDue, type Renewal, renewedLease, toRenewal } from './renewal.ts';

const leasesKind = { group: 'coordination.k8s.io', plural: 'leases' };
const text = fc.string({ unit: 'binary' });
/** Keys and values that look like what is sought. */
const trap = fc.constantFrom(
  'renewTime',
  'spec',
  '"renewTime":"',
  '},"spec":{"renewTime":"',
  loadAnnotation,
  'ü"\\',
);
const anyText = fc.oneof(text, trap);
const lease = fc
  .record({
    name: text,
    uid: fc.uuid(),
    labels: fc.dictionary(anyText, anyText),
    annotations: fc.dictionary(anyText, anyText),
    load: fc.option(anyText, { nil: undefined }),
    managedFields: fc.array(
      fc.record({
        manager: anyText,
        fieldsV1: fc.dictionary(anyText, fc.dictionary(anyText, fc.constant({}))),
      }),
    ),
    preferredHolder: anyText,
    holderIdentity: anyText,
  })
  .map(
    ({ load, annotations, preferredHolder, holderIdentity, ...metadata }): AnyObject => ({
      ...{ kind: 'Lease', apiVersion: 'coordination.k8s.io/v1' },
      metadata: {
        ...{ resourceVersion: '7', namespace: 'kube-node-lease', creationTimestamp: '2026-01-01T00:00:00Z' },
        ...metadata,
        annotations: { ...annotations, ...(load === undefined ? {} : { [loadAnnotation]: load }) },
      },
      spec: { preferredHolder, holderIdentity, renewTime: toMicroTime(0), leaseDurationSeconds: 40 },
    }),
  );
const loads = fc.array(fc.option(anyText, { nil: undefined }), { minLength: 1, maxLength: 6 });

const renewalOf = (load: string | undefined, nth: number): Renewal => ({
  ...{ name: 'n', holderIdentity: 'n', renewTime: toMicroTime((nth + 1) * 1_234), load },
});

it('a Lease that is cut into says what the renewed object says, over any number of renewals', () => {
  let cuts = 0;
  fc.assert(
    fc.property(lease, loads, fc.nat(), (first, said, revision) => {
      let object = first;
      let known: LeaseText | undefined;
      let wire: Buffer = Buffer.alloc(0);
      let digits = 0;
      for (const [nth, load] of said.entries()) {
        const renewal = renewalOf(load, nth);
        object = renewedLease(object, renewal);
        const cut = known && renewedText(wire, digits, { text: known, renewal });
        if (cut !== undefined) cuts += 1;
        const { bytes, text: next } = cut ?? toLeaseText(object);
        const expected = prepareObject(object);
        expect(bytes.json.toString()).toBe(expected.json.toString());
        expect(bytes.offset).toBe(expected.offset);
        expect(next?.renewTime).toBe(renewal.renewTime);
        // Versions get longer as time goes by.
        const version = 10 ** nth * (revision % 9) + 1;
        digits = String(version).length;
        wire = spliceVersion(bytes, version);
        known = next;
      }
    }),
  );
  expect(cuts).toBeGreaterThan(20);
});

it('places that are not those of the bytes are noticed', () => {
  const object: AnyObject = {
    ...{ kind: 'Lease', apiVersion: 'coordination.k8s.io/v1' },
    metadata: { name: 'n', uid: 'u', creationTimestamp: '2026-01-01T00:00:00Z', resourceVersion: '' },
    spec: { holderIdentity: 'n', renewTime: toMicroTime(0) },
  };
  const { text: known } = toLeaseText(object);
  if (known === undefined) throw new TypeError('the places are certain');
  const texts = new LeaseTexts();
  texts.remember('key', 128, known);
  expect(texts.get('key', 128)).toBe(known);
  expect(texts.get('key', 129)).toBeUndefined();
  // With the places of other bytes the checks above fail.
  const renewal = renewalOf(undefined, 0);
  const other = { ...object, metadata: { ...object.metadata, labels: { longer: 'by far' } } };
  const wire = spliceVersion(prepareObject(other), 128);
  const wrong = renewedText(wire, 3, { text: known, renewal });
  const right = prepareObject(renewedLease(other, renewal));
  expect(wrong?.bytes.json.toString()).not.toBe(right.json.toString());
});

it('a Lease without a time, or with one of another form, is written anew each time', () => {
  const object = {
    ...{ kind: 'Lease', apiVersion: 'coordination.k8s.io/v1' },
    metadata: { name: 'n', uid: 'u', creationTimestamp: '2026-01-01T00:00:00Z', resourceVersion: '' },
  } as AnyObject;
  expect(toLeaseText(object).text).toBeUndefined();
  expect(toLeaseText({ ...object, spec: { renewTime: '2026-01-01T00:00:00Z' } }).text).toBeUndefined();
});

it('a renewal is due when it is newer and of the same holder', () => {
  const renewal = renewalOf(undefined, 5);
  const held = (renewTime?: string) => ({ holderIdentity: 'n', renewTime });
  expect(isDue(held(), renewal, leasesKind)).toBe(true);
  expect(isDue(held(renewalOf(undefined, 4).renewTime), renewal, leasesKind)).toBe(true);
  expect(isDue(held(renewal.renewTime), renewal, leasesKind)).toBe(false);
  expect(isDue(held(renewalOf(undefined, 6).renewTime), renewal, leasesKind)).toBe(false);
  expect(() => isDue({ holderIdentity: 'x' }, renewal, leasesKind)).toThrow('it is held by "x"');
});

it('an item says a time and a load, and nothing else', () => {
  const item = { name: 'n', holderIdentity: 'n', renewTime: '2026-11-22T13:00:07.5+01:00' };
  const load = '{"cpu":"1"}';
  expect(toRenewal(item, { [loadAnnotation]: load })).toEqual({
    ...{ name: 'n', holderIdentity: 'n', renewTime: '2026-11-22T12:00:07.500000Z', load },
  });
  expect(toRenewal(item, undefined).load).toBeUndefined();
  for (const annotations of [
    'x',
    [],
    { other: '' },
    { [loadAnnotation]: 1 },
    { [loadAnnotation]: 'x'.repeat(4_097) },
  ])
    expect(() => toRenewal(item, annotations), JSON.stringify(annotations)).toThrow('is invalid');
  expect(() => toRenewal({ ...item, renewTime: 'now' }, undefined)).toThrow(
    'renewTime: Invalid value: "now"',
  );
});
