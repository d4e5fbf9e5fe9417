/**
 * Sends damaged requests from several clients at once and looks at every answer; what was accepted is read back, written
 * back unchanged (which must change nothing) now and then, and deleted at the end of its epoch.
 */
import { isDeepStrictEqual } from 'node:util';
import { parseRequestInfo } from '../../apiserver/http/request-info.ts';
import { Dice } from './dice.ts';
import { objectionToRaw, sendRaw, someRawCase } from './frames.ts';
import { objectionTo } from './judge.ts';
import { isProtobuf, readProtobuf, withoutEmpty, withoutTypes } from './protobuf-answers.ts';
import { type FuzzRequest, type FuzzWorld, someRequest } from './requests.ts';
import { type FuzzAnswer, Http1Sender, Http2Sender, type Sender, Unsendable } from './senders.ts';
import type { FuzzTarget } from './target.ts';

export interface Finding {
  readonly index: number;
  readonly what: string;
  readonly request: FuzzRequest;
}

export interface CampaignOptions {
  readonly target: FuzzTarget;
  readonly world: FuzzWorld;
  readonly seed: number;
  readonly count: number;
  readonly clients: number;
  /** Also called for what the campaign keeps back because there is much of it. */
  readonly onFinding?: (finding: Finding) => void;
}

export interface CampaignResult {
  readonly findings: readonly Finding[];
  readonly sent: number;
  readonly unsendable: number;
  /** Answers by class: 2xx, 4xx, ... */
  readonly answers: ReadonlyMap<string, number>;
  /** Accepted writes that were read back. */
  readonly readBack: number;
  /** Accepted requests that may have changed something, those of the campaign itself included. */
  readonly changes: number;
}

/** Requests of one client in one namespace, which then goes. */
const epochRequests = 250;
const maxFindings = 200;
const rewriteShare = 0.2;
/** Cases that are bytes and no requests. */
const rawShare = 0.03;

export class Campaign {
  readonly #options: CampaignOptions;
  readonly #findings: Finding[] = [];
  readonly #answers = new Map<string, number>();
  #next = 0;
  #sent = 0;
  #unsendable = 0;
  #readBack = 0;
  #changes = 0;

  constructor(options: CampaignOptions) {
    this.#options = options;
  }

  async run(): Promise<CampaignResult> {
    const { clients } = this.#options;
    await Promise.all(Array.from({ length: clients }, (_, client) => this.#client(client)));
    const [findings, answers] = [this.#findings, this.#answers];
    return {
      findings,
      answers,
      sent: this.#sent,
      unsendable: this.#unsendable,
      readBack: this.#readBack,
      changes: this.#changes,
    };
  }

  async #client(client: number): Promise<void> {
    const { target, count } = this.#options;
    const sender = client % 2 === 0 ? new Http2Sender(target.config) : new Http1Sender(target.config);
    for (let epoch = 0; this.#next < count && target.isAlive; epoch += 1)
      await this.#epoch(sender, `fuzz-${client}-${epoch}`);
    sender.close();
  }

  async #epoch(sender: Sender, namespace: string): Promise<void> {
    const { target, count, seed, world } = this.#options;
    const created = new Set<string>();
    await this.#plain(sender, 'POST', '/api/v1/namespaces', { metadata: { name: namespace } });
    for (let turn = 0; turn < epochRequests && this.#next < count && target.isAlive; turn += 1) {
      const index = this.#next++;
      const dice = Dice.ofCase(seed, index);
      if (dice.chance(rawShare)) {
        await this.#raw(index, dice);
        continue;
      }
      const request = sparing(someRequest(world, dice, namespace), namespace);
      await this.#one(sender, { index, request, dice, created });
    }
    for (const path of created) await this.#remove(sender, path);
    await this.#remove(sender, `/api/v1/namespaces/${namespace}`);
  }

  async #one(
    sender: Sender,
    turn: { index: number; request: FuzzRequest; dice: Dice; created: Set<string> },
  ): Promise<void> {
    const { index, request, dice, created } = turn;
    const report = (what: string): void => this.#report({ index, what, request });
    try {
      const answer = await sender.send(request);
      this.#sent += 1;
      if (request.method !== 'GET' && answer.status < 300) this.#changes += 1;
      const kind = `${Math.floor(answer.status / 100)}xx`;
      this.#answers.set(kind, (this.#answers.get(kind) ?? 0) + 1);
      const objection = objectionTo(request, answer);
      if (objection !== undefined) report(objection);
      const path = writtenPath(this.#options.world, request, answer);
      if (isRead(request, answer)) await this.#compare(sender, { path: request.path, answer, report });
      if (path === undefined) return;
      if (answer.status === 201) created.add(path.object);
      await this.#compare(sender, { path: path.object, answer, report });
      if (!path.isSubresource && dice.chance(rewriteShare)) await this.#rewrite(sender, path.object, report);
    } catch (error) {
      // A head that is too long cannot be read, and the server not know that it asked for no body.
      const isUnreadHead = request.method === 'HEAD' && String(error).includes('HTTP/1.1 431');
      if (error instanceof Unsendable || isUnreadHead) this.#unsendable += 1;
      else report(`no answer: ${error instanceof Error ? error.message : String(error)}`);
    }
  }

  async #raw(index: number, dice: Dice): Promise<void> {
    const raw = someRawCase(dice);
    this.#sent += 1;
    const objection = objectionToRaw(raw, await sendRaw(this.#options.target.config, raw));
    if (objection === undefined) return;
    const body = Buffer.concat(raw.writes);
    this.#report({ index, what: objection, request: { method: raw.protocol, path: '', headers: {}, body } });
  }

  /** What was answered is what is stored, in whatever form it was answered. */
  async #compare(
    sender: Sender,
    written: { path: string; answer: FuzzAnswer; report: (what: string) => void },
  ): Promise<void> {
    const told = parseObject(written.answer);
    // Documents of discovery have no version, which protobuf cannot leave out.
    if (
      told === undefined ||
      told['kind'] === 'Status' ||
      told['kind'] === 'Table' ||
      told['apiVersion'] === ''
    )
      return;
    const found = await this.#plain(sender, 'GET', written.path);
    if (found.status === 404) return;
    const stored = parseObject(found);
    if (versionOf(stored) !== versionOf(told)) return;
    this.#readBack += 1;
    const { contentType } = written.answer;
    const form = isProtobuf(contentType) ? (value: unknown) => withoutEmpty(withoutTypes(value)) : asItIs;
    if (told['kind'] === stored?.['kind'] && !isDeepStrictEqual(form(told), form(stored)))
      written.report(`read back differently: ${JSON.stringify(told)} / ${JSON.stringify(stored)}`);
  }

  /** An object that is written as it was read stays as it is: defaults and validation agree with themselves. */
  async #rewrite(sender: Sender, path: string, report: (what: string) => void): Promise<void> {
    const found = await this.#plain(sender, 'GET', path);
    const stored = parseObject(found);
    if (found.status !== 200 || stored === undefined) return;
    const answer = await this.#plain(sender, 'PUT', path, stored);
    const told = parseObject(answer);
    if (answer.status === 409 || answer.status === 404) return;
    if (answer.status !== 200)
      report(`written back unchanged it is refused: ${answer.body.toString().slice(0, 600)}`);
    else if (!isDeepStrictEqual(told, stored))
      report(`written back unchanged it changes: ${JSON.stringify(stored)} / ${JSON.stringify(told)}`);
  }

  /** Deletes what the epochs did not know of: objects whose creation was answered as a Table, or by an update. */
  async sweep(paths: readonly string[]): Promise<void> {
    const sender = new Http2Sender(this.#options.target.config);
    for (const path of paths) await this.#remove(sender, path);
    sender.close();
  }

  /** What was created can be deleted. */
  async #remove(sender: Sender, path: string): Promise<void> {
    const gone = async (): Promise<boolean> => (await this.#plain(sender, 'GET', path)).status === 404;
    await this.#plain(sender, 'DELETE', `${path}?gracePeriodSeconds=0&propagationPolicy=Background`);
    if (await gone()) return;
    const patch = { 'content-type': 'application/merge-patch+json' };
    await this.#plain(sender, 'PATCH', path, { metadata: { finalizers: null } }, patch);
    if (path.startsWith('/api/v1/namespaces/') && path.split('/').length === 5) {
      const name = path.split('/')[4];
      await this.#plain(sender, 'PUT', `${path}/finalize`, { metadata: { name }, spec: { finalizers: [] } });
    }
    await this.#plain(sender, 'DELETE', `${path}?gracePeriodSeconds=0&propagationPolicy=Background`);
    if (await gone()) return;
    const left = await this.#plain(sender, 'GET', path);
    const request = { method: 'DELETE', path, headers: {}, body: undefined };
    this.#report({ index: -1, what: `cannot be deleted: ${left.body.toString()}`, request });
  }

  #plain(
    sender: Sender,
    method: string,
    path: string,
    object?: object,
    headers: Readonly<Record<string, string>> = { 'content-type': 'application/json' },
  ): Promise<FuzzAnswer> {
    const body = object === undefined ? undefined : Buffer.from(JSON.stringify(object));
    if (method !== 'GET') this.#changes += 1;
    return sender.send({ method, path, headers: body === undefined ? {} : headers, body });
  }

  #report(finding: Finding): void {
    this.#options.onFinding?.(finding);
    if (this.#findings.length < maxFindings) this.#findings.push(finding);
  }
}

/** The namespace of the epoch is not deleted in the middle of it. */
function sparing(request: FuzzRequest, namespace: string): FuzzRequest {
  const path = request.path.split('?')[0] ?? '';
  const { resource, name } = parseRequestInfo(request.method, path, false);
  const isItself = resource === 'namespaces' && name === namespace;
  return isItself && request.method !== 'GET' ? { ...request, method: 'GET', body: undefined } : request;
}

const asItIs = (value: unknown): unknown => value;

/** Read in protobuf: to be what JSON says. */
const isRead = ({ method, path }: FuzzRequest, { status, contentType, isOpen }: FuzzAnswer): boolean =>
  method === 'GET' && status === 200 && isProtobuf(contentType) && !isOpen && !path.includes('watch');

function parseObject(answer: FuzzAnswer): Record<string, unknown> | undefined {
  if (isProtobuf(answer.contentType)) return readProtobuf(answer.body);
  if (!answer.contentType.startsWith('application/json')) return undefined;
  try {
    return JSON.parse(answer.body.toString()) as Record<string, unknown>;
  } catch {
    // Objected to elsewhere.
    return undefined;
  }
}

const metadataOf = (object: Record<string, unknown> | undefined): Record<string, unknown> =>
  (object?.['metadata'] ?? {}) as Record<string, unknown>;
const versionOf = (object: Record<string, unknown> | undefined): unknown =>
  metadataOf(object)['resourceVersion'];

/** The object that an accepted write was about; undefined for what is not stored. */
function writtenPath(
  { registry }: FuzzWorld,
  request: FuzzRequest,
  answer: FuzzAnswer,
): { readonly object: string; readonly isSubresource: boolean } | undefined {
  if (!['POST', 'PUT', 'PATCH'].includes(request.method) || answer.status < 200 || answer.status > 299)
    return undefined;
  const [path = '', query = ''] = request.path.split('?');
  if (new URLSearchParams(query).has('dryRun')) return undefined;
  const info = parseRequestInfo(request.method, path, false);
  const strategy = registry.byResource(info.group, info.version, info.resource);
  if (!info.isResource || strategy === undefined) return undefined;
  const name = info.name !== '' ? info.name : metadataOf(parseObject(answer))['name'];
  if (typeof name !== 'string' || (request.method === 'POST' && info.subresource !== '')) return undefined;
  const root = info.group === '' ? `/api/${info.version}` : `/apis/${info.group}/${info.version}`;
  const scope = strategy.kind.namespaced ? `/namespaces/${info.namespace}` : '';
  return {
    object: `${root}${scope}/${info.resource}/${encodeURIComponent(name)}`,
    isSubresource: info.subresource !== '',
  };
}
