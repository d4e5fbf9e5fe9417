/**
 * The etcd v3 messages that storage needs, as plain data, with their codec.
 * @see https://github.com/etcd-io/etcd/blob/release-3.4/etcdserver/etcdserverpb/rpc.proto
 */
import { ReverseWriter, WireReader } from './protobuf.ts';

export interface ResponseHeader {
  /** Identity of the cluster; loses its low bits above 2^53, which still tells two clusters apart. */
  readonly clusterId: number;
  readonly revision: number;
}

export interface KeyValue {
  readonly key: string;
  readonly createRevision: number;
  readonly modRevision: number;
  /** A view into the response: copy what shall outlive it. */
  readonly value: Buffer;
}

export interface RangeRequest {
  readonly key: string;
  readonly rangeEnd?: string;
  readonly limit?: number;
  readonly revision?: number;
  readonly countOnly?: boolean;
}

export interface RangeResponse {
  readonly header: ResponseHeader;
  readonly kvs: readonly KeyValue[];
  readonly more: boolean;
  /** Keys of the whole range, however few are here. */
  readonly count: number;
}

export interface Compare {
  readonly key: string;
  /** 0: the key does not exist. */
  readonly modRevision: number;
}

export type RequestOp =
  | { readonly type: 'range'; readonly range: RangeRequest }
  | { readonly type: 'put'; readonly key: string; readonly value: Buffer }
  | { readonly type: 'delete'; readonly key: string }
  | { readonly type: 'txn'; readonly txn: TxnRequest };

export interface TxnRequest {
  readonly compare: readonly Compare[];
  readonly success: readonly RequestOp[];
  readonly failure: readonly RequestOp[];
}

export interface ResponseOp {
  readonly range: RangeResponse | undefined;
  readonly txn: TxnResponse | undefined;
}

export interface TxnResponse {
  readonly header: ResponseHeader;
  readonly succeeded: boolean;
  readonly responses: readonly ResponseOp[];
}

export interface EtcdEvent {
  readonly type: 'put' | 'delete';
  readonly kv: KeyValue;
}

export interface WatchResponse {
  readonly header: ResponseHeader;
  readonly created: boolean;
  readonly canceled: boolean;
  readonly compactRevision: number;
  readonly cancelReason: string;
  /** More of the same follows in the next response. */
  readonly fragment: boolean;
  readonly events: readonly EtcdEvent[];
}

/** Enum values of `etcdserverpb.Compare`. */
const compareEqual = 0;
const compareMod = 2;

export function encodeRange(request: RangeRequest): Buffer {
  return framed(256, (writer) => writeRange(writer, request));
}

export function encodeTxn(request: TxnRequest): Buffer {
  return framed(sizeOfTxn(request), (writer) => writeTxn(writer, request));
}

export function encodeCompaction(revision: number): Buffer {
  return framed(32, (writer) => writer.integer(1, revision));
}

export function encodeWatchCreate(request: {
  readonly key: string;
  readonly rangeEnd: string;
  readonly startRevision: number;
}): Buffer {
  return framed(128, (writer) =>
    writer.nested(1, () => {
      writer.integer(8, 1);
      writer.integer(3, request.startRevision);
      writer.text(2, request.rangeEnd);
      writer.text(1, request.key);
    }),
  );
}

/** A gRPC frame: not compressed, length, message. @see https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md */
function framed(sizeHint: number, write: (writer: ReverseWriter) => void): Buffer {
  const writer = new ReverseWriter(sizeHint + 5);
  write(writer);
  const prefix = Buffer.alloc(5);
  prefix.writeUInt32BE(writer.length, 1);
  writer.raw(prefix);
  return writer.result;
}

function writeRange(writer: ReverseWriter, request: RangeRequest): void {
  if (request.countOnly === true) writer.integer(9, 1);
  if (request.revision !== undefined) writer.integer(4, request.revision);
  if (request.limit !== undefined) writer.integer(3, request.limit);
  if (request.rangeEnd !== undefined) writer.text(2, request.rangeEnd);
  writer.text(1, request.key);
}

function writeTxn(writer: ReverseWriter, request: TxnRequest): void {
  for (const op of request.failure.toReversed()) writer.nested(3, () => writeOp(writer, op));
  for (const op of request.success.toReversed()) writer.nested(2, () => writeOp(writer, op));
  for (const compare of request.compare.toReversed()) writer.nested(1, () => writeCompare(writer, compare));
}

function writeCompare(writer: ReverseWriter, compare: Compare): void {
  writer.integer(6, compare.modRevision);
  writer.text(3, compare.key);
  writer.integer(2, compareMod);
  writer.integer(1, compareEqual);
}

function writeOp(writer: ReverseWriter, op: RequestOp): void {
  switch (op.type) {
    case 'range':
      writer.nested(1, () => writeRange(writer, op.range));
      return;
    case 'put':
      writer.nested(2, () => {
        writer.bytes(2, op.value);
        writer.text(1, op.key);
      });
      return;
    case 'delete':
      writer.nested(3, () => writer.text(1, op.key));
      return;
    case 'txn':
      writer.nested(4, () => writeTxn(writer, op.txn));
  }
}

function sizeOfTxn(request: TxnRequest): number {
  let size = 64 + request.compare.length * 160 + request.failure.length * 160;
  for (const op of request.success) {
    if (op.type === 'put') size += 160 + op.value.length;
    else size += op.type === 'txn' ? sizeOfTxn(op.txn) : 160;
  }
  return size;
}

export function decodeRange(message: Buffer): RangeResponse {
  let header = noHeader;
  let more = false;
  let count = 0;
  const kvs: KeyValue[] = [];
  for (const reader = new WireReader(message); reader.next(); ) {
    if (reader.field === 1) header = decodeHeader(reader.bytes);
    else if (reader.field === 2) kvs.push(decodeKeyValue(reader.bytes));
    else if (reader.field === 3) more = reader.number !== 0;
    else if (reader.field === 4) count = reader.number;
  }
  return { header, kvs, more, count };
}

export interface StatusResponse {
  /** Size of the database file. */
  readonly databaseBytes: number;
  /** What is wrong with the member, raised alarms included. */
  readonly errors: readonly string[];
}

export function encodeStatus(): Buffer {
  return framed(8, () => undefined);
}

export function decodeStatus(message: Buffer): StatusResponse {
  let databaseBytes = 0;
  const errors: string[] = [];
  for (const reader = new WireReader(message); reader.next(); ) {
    if (reader.field === 3) databaseBytes = reader.number;
    else if (reader.field === 8) errors.push(reader.bytes.toString());
  }
  return { databaseBytes, errors };
}

export function decodeTxn(message: Buffer): TxnResponse {
  let header = noHeader;
  let succeeded = false;
  const responses: ResponseOp[] = [];
  for (const reader = new WireReader(message); reader.next(); ) {
    if (reader.field === 1) header = decodeHeader(reader.bytes);
    else if (reader.field === 2) succeeded = reader.number !== 0;
    else if (reader.field === 3) responses.push(decodeOp(reader.bytes));
  }
  return { header, succeeded, responses };
}

function decodeOp(message: Buffer): ResponseOp {
  let range: RangeResponse | undefined;
  let txn: TxnResponse | undefined;
  for (const reader = new WireReader(message); reader.next(); ) {
    if (reader.field === 1) range = decodeRange(reader.bytes);
    else if (reader.field === 4) txn = decodeTxn(reader.bytes);
  }
  return { range, txn };
}

export function decodeWatch(message: Buffer): WatchResponse {
  let header = noHeader;
  let compactRevision = 0;
  let cancelReason = '';
  const flags = { created: false, canceled: false, fragment: false };
  const events: EtcdEvent[] = [];
  for (const reader = new WireReader(message); reader.next(); ) {
    if (reader.field === 1) header = decodeHeader(reader.bytes);
    else if (reader.field === 3) flags.created = reader.number !== 0;
    else if (reader.field === 4) flags.canceled = reader.number !== 0;
    else if (reader.field === 5) compactRevision = reader.number;
    else if (reader.field === 6) cancelReason = reader.bytes.toString();
    else if (reader.field === 7) flags.fragment = reader.number !== 0;
    else if (reader.field === 11) events.push(decodeEvent(reader.bytes));
  }
  return { header, ...flags, compactRevision, cancelReason, events };
}

function decodeEvent(message: Buffer): EtcdEvent {
  let type: EtcdEvent['type'] = 'put';
  let kv = noKeyValue;
  for (const reader = new WireReader(message); reader.next(); ) {
    if (reader.field === 1 && reader.number === 1) type = 'delete';
    else if (reader.field === 2) kv = decodeKeyValue(reader.bytes);
  }
  return { type, kv };
}

const noHeader: ResponseHeader = { clusterId: 0, revision: 0 };
const noKeyValue: KeyValue = { key: '', createRevision: 0, modRevision: 0, value: Buffer.alloc(0) };

function decodeHeader(message: Buffer): ResponseHeader {
  let clusterId = 0;
  let revision = 0;
  for (const reader = new WireReader(message); reader.next(); ) {
    if (reader.field === 1) clusterId = reader.number;
    else if (reader.field === 3) revision = reader.number;
  }
  return { clusterId, revision };
}

function decodeKeyValue(message: Buffer): KeyValue {
  let key = '';
  let createRevision = 0;
  let modRevision = 0;
  let value = noKeyValue.value;
  for (const reader = new WireReader(message); reader.next(); ) {
    if (reader.field === 1) key = reader.bytes.toString();
    else if (reader.field === 2) createRevision = reader.number;
    else if (reader.field === 3) modRevision = reader.number;
    else if (reader.field === 5) value = reader.bytes;
  }
  return { key, createRevision, modRevision, value };
}
