/**
 * The few parts of the DNS wire format that a server of local names needs.
 * @see RFC 1035 section 4, RFC 6891 (EDNS0), RFC 2782 (SRV), RFC 2308 (negative answers)
 */
import { parseIpv4 } from '../network/ipv4.ts';

export const recordType = { a: 1, cname: 5, soa: 6, ptr: 12, aaaa: 28, srv: 33, opt: 41, any: 255 } as const;
export const responseCode = {
  noError: 0,
  formatError: 1,
  serverFailure: 2,
  nameError: 3,
  notImplemented: 4,
  refused: 5,
} as const;

const headerBytes = 12;
const classIn = 1;
/** Points to the question's name, which always begins right after the header. */
const questionName = Buffer.from([0xc0, headerBytes]);
/** Our answers never need more than what passes an Ethernet frame unfragmented. @see DNS flag day 2020 */
const maxUdpBytes = 1232;
const plainUdpBytes = 512;

export interface Query {
  readonly id: number;
  readonly flags: number;
  /** The question as it came: name, type and class. */
  readonly question: Buffer;
  /** The name in wire form, lower case, one character a byte: the key of every table here. */
  readonly key: string;
  readonly type: number;
  readonly isIn: boolean;
  readonly hasEdns: boolean;
  /** How large an answer over UDP may be. */
  readonly udpBytes: number;
}

/** @returns a response code when the datagram is a query that cannot be answered, undefined when it is none. */
export function parseQuery(message: Buffer): Query | number | undefined {
  if (message.length < headerBytes) return undefined;
  const flags = message.readUInt16BE(2);
  if ((flags & 0x8000) !== 0) return undefined;
  if ((flags & 0x7800) !== 0) return responseCode.notImplemented;
  if (message.readUInt16BE(4) !== 1) return responseCode.formatError;
  const nameEnd = skipName(message, headerBytes);
  if (nameEnd === undefined || nameEnd + 4 > message.length) return responseCode.formatError;
  const questionEnd = nameEnd + 4;
  const edns = findEdns(message, questionEnd);
  return {
    id: message.readUInt16BE(0),
    flags,
    question: message.subarray(headerBytes, questionEnd),
    key: message.toString('latin1', headerBytes, nameEnd).toLowerCase(),
    type: message.readUInt16BE(nameEnd),
    isIn: message.readUInt16BE(nameEnd + 2) === classIn,
    hasEdns: edns !== undefined,
    udpBytes: edns === undefined ? plainUdpBytes : Math.min(maxUdpBytes, Math.max(plainUdpBytes, edns)),
  };
}

/** @returns the offset after an uncompressed name; a question has no need of pointers, so one is malformed. */
function skipName(message: Buffer, start: number): number | undefined {
  let at = start;
  for (;;) {
    const length = message[at];
    if (length === undefined || length > 63 || at - start > 255) return undefined;
    at += length + 1;
    if (length === 0) return at;
  }
}

/** The UDP size of the OPT record. Stub resolvers put it right after the question, and nothing else. */
function findEdns(message: Buffer, at: number): number | undefined {
  if (message.readUInt16BE(10) === 0 || message.readUInt32BE(6) !== 0) return undefined;
  if (at + 11 > message.length || message[at] !== 0) return undefined;
  return message.readUInt16BE(at + 1) === recordType.opt ? message.readUInt16BE(at + 3) : undefined;
}

/** `web.default.svc` -> the wire form, one character a byte, lower case. */
export function toKey(name: string): string {
  const labels = name
    .toLowerCase()
    .split('.')
    .filter((label) => label !== '');
  return `${labels.map((label) => String.fromCharCode(label.length) + label).join('')}\0`;
}

export function toLabels(key: string): string[] {
  const labels: string[] = [];
  for (let at = 0; at < key.length; ) {
    const length = key.charCodeAt(at);
    if (length === 0) break;
    labels.push(key.slice(at + 1, at + 1 + length));
    at += length + 1;
  }
  return labels;
}

/** `10.1.2.3` -> key of `3.2.1.10.in-addr.arpa`. */
export function reverseKey(ip: string): string {
  return toKey(`${ip.split('.').reverse().join('.')}.in-addr.arpa`);
}

/** One resource record. @param owner key of its name; the question's name when left out */
export function toRecord(type: number, ttlSeconds: number, data: Buffer, owner?: string): Buffer {
  const name = owner === undefined ? questionName : Buffer.from(owner, 'latin1');
  const fixed = Buffer.allocUnsafe(10);
  fixed.writeUInt16BE(type, 0);
  fixed.writeUInt16BE(classIn, 2);
  fixed.writeUInt32BE(ttlSeconds, 4);
  fixed.writeUInt16BE(data.length, 8);
  return Buffer.concat([name, fixed, data]);
}

export function addressData(ip: string): Buffer {
  const data = Buffer.allocUnsafe(4);
  data.writeUInt32BE(parseIpv4(ip) ?? 0);
  return data;
}

export function nameData(name: string): Buffer {
  return Buffer.from(toKey(name), 'latin1');
}

export function serviceData(port: number, target: string): Buffer {
  const head = Buffer.from([0, 0, 0, 100, port >> 8, port & 255]);
  return Buffer.concat([head, nameData(target)]);
}

/** @param seconds refresh, retry, expire and the negative TTL are what a zone without secondaries needs */
export function authorityData(domain: string, serial: number, seconds: number): Buffer {
  const numbers = Buffer.allocUnsafe(20);
  for (const [i, value] of [serial, 7200, 1800, 86_400, seconds].entries())
    numbers.writeUInt32BE(value >>> 0, i * 4);
  return Buffer.concat([nameData(`ns.dns.${domain}`), nameData(`hostmaster.${domain}`), numbers]);
}

export interface Answer {
  readonly code: number;
  readonly isAuthoritative: boolean;
  readonly answers: readonly Buffer[];
  readonly authority: readonly Buffer[];
  readonly additional: readonly Buffer[];
}

const ednsRecord = Buffer.from([0, 0, recordType.opt, maxUdpBytes >> 8, maxUdpBytes & 255, 0, 0, 0, 0, 0, 0]);

/**
 * The whole message. What does not fit `maxBytes` is left out from its end; when answers are missing the truncation
 * bit says so, and a client that does not care has at least the first ones.
 */
export function encodeAnswer(query: Query, answer: Answer, maxBytes: number): Buffer {
  let room = maxBytes - headerBytes - query.question.length - (query.hasEdns ? ednsRecord.length : 0);
  const fitting = (records: readonly Buffer[]): Buffer[] => {
    const kept: Buffer[] = [];
    for (const record of records) {
      if (record.length > room) break;
      room -= record.length;
      kept.push(record);
    }
    return kept;
  };
  const answers = fitting(answer.answers);
  const authority = fitting(answer.authority);
  const additional = answers.length < answer.answers.length ? [] : fitting(answer.additional);
  const header = Buffer.allocUnsafe(headerBytes);
  header.writeUInt16BE(query.id, 0);
  const authoritative = answer.isAuthoritative ? 0x0400 : 0;
  const truncated = answers.length < answer.answers.length ? 0x0200 : 0;
  header.writeUInt16BE(0x8080 | authoritative | truncated | (query.flags & 0x0100) | answer.code, 2);
  header.writeUInt16BE(1, 4);
  header.writeUInt16BE(answers.length, 6);
  header.writeUInt16BE(authority.length, 8);
  header.writeUInt16BE(additional.length + (query.hasEdns ? 1 : 0), 10);
  const parts = [header, query.question, ...answers, ...authority, ...additional];
  if (query.hasEdns) parts.push(ednsRecord);
  return Buffer.concat(parts);
}

/** A refusal of a message that could not be read: its id and a code. */
export function encodeFailure(message: Buffer, code: number): Buffer {
  const header = Buffer.alloc(headerBytes);
  message.copy(header, 0, 0, 2);
  header.writeUInt16BE(0x8080 | (message.readUInt16BE(2) & 0x7900) | code, 2);
  return header;
}
