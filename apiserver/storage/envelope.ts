/**
 * How an object lies in the store: a header, then its JSON with an empty resourceVersion.
 *
 *   0      format, 1
 *   1      1 when the JSON is encrypted (`encryption/key-ring.ts`), 0 when it lies there as it is
 *   2      index of the object in its transaction
 *   3      length n of the storage version
 *   4..8   byte offset in the JSON at which the resourceVersion is spliced in, big-endian
 *   8..20  write id: which attempt of which process wrote this, so that a time-out is decidable afterwards
 *   20..   storage version (`apps/v1`), n bytes
 *   20+n.. JSON, or what it was encrypted to
 *
 * The revision is not known before the write, hence the splice: reading costs one copy and never a parse.
 *
 * INVARIANTS: resourceVersion is the first field of metadata, and only kind and apiVersion stand before metadata, so
 * that it is found in wire JSON without parsing (`withVersion`).
 */
import type { AnyObject } from '../../api/kind-info.ts';
import type { ValueCipher } from './encryption/value-cipher.ts';
import { StorageError, type StoragePut, type StorageRewrite, type VersionlessObject } from './storage.ts';

const format = 1;
const headerBytes = 20;
export const writeIdBytes = 12;
const plain = 0;
const encrypted = 1;
const marker: Buffer = Buffer.from('"metadata":{"resourceVersion":"');
const quote = 0x22;

/** An object serialised once, for however many attempts at writing it. */
export interface PreparedObject extends VersionlessObject {
  /** What is stored in place of `json`. */
  readonly sealed?: Buffer | undefined;
}

/** All of an envelope that is readable without a key. */
export interface EnvelopeHeader {
  readonly index: number;
  readonly storageVersion: string;
  readonly writeId: Buffer;
  readonly offset: number;
  /** The JSON, if it is not encrypted. */
  readonly body: Buffer;
  readonly isEncrypted: boolean;
}

export interface OpenedEnvelope extends EnvelopeHeader {
  readonly json: Buffer;
}

export const prepareWrite = (write: StoragePut | StorageRewrite): PreparedObject =>
  write.type === 'rewrite' ? write.bytes : prepareObject(write.object);

export function prepareObject(object: AnyObject): PreparedObject {
  const { kind, apiVersion, metadata, ...fields } = object;
  const { resourceVersion: _ignored, ...rest } = metadata;
  const head = `{"kind":${JSON.stringify(kind)},"apiVersion":${JSON.stringify(apiVersion)},"metadata":{"resourceVersion":"`;
  const json = Buffer.from(`${head}"${closing(rest)}${closing(fields)}`);
  return { storageVersion: apiVersion, json, offset: Buffer.byteLength(head) };
}

/** `prepared` as it is to lie at `key`. @throws StorageError when it is to be encrypted and cannot be */
export function encryptPrepared(key: string, prepared: PreparedObject, cipher: ValueCipher): PreparedObject {
  return { ...prepared, sealed: cipher.seal(key, prepared.json, contextOf(prepared)) };
}

/** What an encrypted value is bound to beside its key. */
const contextOf = (value: { readonly storageVersion: string; readonly offset: number }): string =>
  `${value.storageVersion}\0${value.offset}`;

/** The fields of `value` as they continue an object that has fields already, with its closing brace. */
function closing(value: object): string {
  const text = JSON.stringify(value);
  return text === '{}' ? '}' : `,${text.slice(1)}`;
}

export function sealEnvelope(prepared: PreparedObject, index: number, writeId: Buffer): Buffer {
  const name = Buffer.from(prepared.storageVersion);
  const body = prepared.sealed ?? prepared.json;
  const value = Buffer.allocUnsafe(headerBytes + name.length + body.length);
  value[0] = format;
  value[1] = prepared.sealed === undefined ? plain : encrypted;
  value[2] = index;
  value[3] = name.length;
  value.writeUInt32BE(prepared.offset, 4);
  writeId.copy(value, 8, 0, writeIdBytes);
  name.copy(value, headerBytes);
  body.copy(value, headerBytes + name.length);
  return value;
}

/** @throws StorageError `STORAGE_CORRUPT` when `value` is not an envelope that this program can read. */
export function readHeader(key: string, value: Buffer): EnvelopeHeader {
  const nameLength = value[3] ?? 0;
  const start = headerBytes + nameLength;
  if (value[0] !== format || value.length < start + 2) throw corrupt(key, 'is not an envelope of format 1');
  if (value[1] !== plain && value[1] !== encrypted)
    throw corrupt(key, `is encrypted in unknown way ${value[1]}`);
  return {
    index: value[2] ?? 0,
    storageVersion: value.toString('utf8', headerBytes, start),
    writeId: value.subarray(8, headerBytes),
    offset: value.readUInt32BE(4),
    body: value.subarray(start),
    isEncrypted: value[1] === encrypted,
  };
}

/** @throws StorageError `STORAGE_CORRUPT` when `value` is not an envelope that this program can read */
export function openEnvelope(key: string, value: Buffer, cipher?: ValueCipher): OpenedEnvelope {
  return openBody(key, readHeader(key, value), cipher);
}

/** The rest of an envelope whose header has been read. @throws StorageError as `openEnvelope` */
export function openBody(key: string, header: EnvelopeHeader, cipher?: ValueCipher): OpenedEnvelope {
  const json = header.isEncrypted ? decrypted(key, header, cipher) : header.body;
  const { offset } = header;
  if (offset >= json.length || json[offset] !== quote) throw corrupt(key, 'has no place for resourceVersion');
  return { ...header, json };
}

function decrypted(key: string, header: EnvelopeHeader, cipher: ValueCipher | undefined): Buffer {
  if (cipher === undefined) throw corrupt(key, 'is encrypted, and there is no encryption configuration');
  return cipher.open(key, header.body, contextOf(header));
}

function corrupt(key: string, what: string): StorageError {
  return new StorageError('STORAGE_CORRUPT', `read ${key}: the value ${what}`);
}

/** JSON as it is stored, and where the resourceVersion belongs. */
export interface VersionlessJson {
  readonly json: Buffer;
  readonly offset: number;
}

/** Wire JSON: a copy of `source.json` with `version` in place. */
export function spliceVersion(source: VersionlessJson, version: number): Buffer {
  const wire = Buffer.allocUnsafeSlow(splicedLength(source, version));
  return spliceInto(wire, 0, source, version);
}

export function splicedLength({ json }: VersionlessJson, version: number): number {
  return json.length + String(version).length;
}

/** As `spliceVersion`, into `target` at `start`; gives that part of it. */
export function spliceInto(target: Buffer, start: number, source: VersionlessJson, version: number): Buffer {
  const digits = String(version);
  const { json, offset } = source;
  json.copy(target, start, 0, offset);
  target.write(digits, start + offset, 'latin1');
  json.copy(target, start + offset + digits.length, offset);
  return target.subarray(start, start + json.length + digits.length);
}

/**
 * As `spliceVersion`, without a copy: `source.json` lies behind the header of its envelope, and what stands before the
 * place of the version moves over the end of that header, which is used up. Nobody else may hold the envelope.
 */
export function spliceInPlace({ json, offset }: VersionlessJson, version: number): Buffer {
  const digits = String(version);
  const wire = Buffer.from(json.buffer, json.byteOffset - digits.length, json.length + digits.length);
  wire.copyWithin(0, digits.length, digits.length + offset);
  wire.write(digits, offset, 'latin1');
  return wire;
}

/** Wire JSON of a stored object with another resourceVersion: what a DELETED event carries. */
export function withVersion(wire: Buffer, version: number): Buffer {
  const found = wire.indexOf(marker);
  if (found < 0) throw new StorageError('STORAGE_CORRUPT', 'set resourceVersion: the JSON has none');
  const start = found + marker.length;
  const end = wire.indexOf(quote, start);
  return Buffer.concat([wire.subarray(0, start), Buffer.from(String(version)), wire.subarray(end)]);
}
