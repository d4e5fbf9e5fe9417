import { readHeader } from '../../apiserver/storage/envelope.ts';
import { prefixEnd } from '../../apiserver/storage/keys.ts';
import { versionOf } from '../../apiserver/storage/version.ts';
import { type MarkedObject, Truth } from './truth.ts';

interface WireEvent {
  readonly type?: string;
  readonly kv: { readonly key: string; readonly value?: string; readonly mod_revision: string };
}

interface WireResponse {
  readonly result?: {
    readonly header: { readonly revision: string };
    readonly created?: boolean;
    readonly canceled?: boolean;
    readonly compact_revision?: string;
    readonly events?: readonly WireEvent[];
  };
}

interface WireRange {
  readonly header: { readonly revision: string };
  readonly kvs?: readonly WireEvent['kv'][];
}

const everyKey = Buffer.from('\0').toString('base64');
const retryMs = 100;

/** Reads the store's own history past everything that is tested, over etcd's JSON gateway. */
export class EtcdTruth {
  readonly truth: Truth = new Truth();
  readonly #urls: readonly string[];
  readonly #prefix: string;
  /** Up to which revision everything has been read. */
  #revision = 0;
  #fault: Error | undefined;

  /** @param prefix keys of the objects that count */
  constructor(urls: readonly string[], prefix: string) {
    this.#urls = urls;
    this.#prefix = prefix;
  }

  /** Begins with what is there: history before it may be gone. */
  async load(): Promise<void> {
    const [url = ''] = this.#urls;
    const range_end = Buffer.from(prefixEnd(this.#prefix)).toString('base64');
    const body = JSON.stringify({ key: Buffer.from(this.#prefix).toString('base64'), range_end });
    const response = await fetch(`${url}/v3/kv/range`, { method: 'POST', body });
    const { header, kvs = [] } = (await response.json()) as WireRange;
    const byVersion = [...kvs].sort((left, right) => Number(left.mod_revision) - Number(right.mod_revision));
    for (const kv of byVersion) this.#take({ kv }, Number(kv.mod_revision), 0);
    this.#revision = Number(header.revision);
  }

  /** @throws when history was lost before it was read: the run proves nothing then */
  get revision(): number {
    if (this.#fault !== undefined) throw this.#fault;
    return this.#revision;
  }

  async run(signal: AbortSignal): Promise<void> {
    for (let at = 0; !signal.aborted; at += 1) {
      const url = this.#urls[at % this.#urls.length] ?? '';
      try {
        await this.#follow(url, signal);
      } catch (error) {
        // A member is away: the next one is asked.
        if (signal.aborted || this.#fault !== undefined) return;
        if (!(error instanceof Error)) throw error;
      }
      await new Promise((resolve) => setTimeout(resolve, retryMs));
    }
  }

  async #follow(url: string, signal: AbortSignal): Promise<void> {
    const create = { key: everyKey, range_end: everyKey, start_revision: String(this.#revision + 1) };
    const body = JSON.stringify({ create_request: create });
    const response = await fetch(`${url}/v3/watch`, { method: 'POST', body, signal });
    let rest = '';
    const decoder = new TextDecoder();
    for await (const chunk of response.body ?? []) {
      const lines = (rest + decoder.decode(chunk, { stream: true })).split('\n');
      rest = lines.pop() ?? '';
      for (const line of lines) if (line !== '') this.#read(JSON.parse(line) as WireResponse);
    }
  }

  #read({ result }: WireResponse): void {
    if (result?.canceled === true && Number(result.compact_revision ?? 0) > this.#revision + 1) {
      this.#fault = new Error(`history after revision ${this.#revision} was compacted before it was read`);
      throw this.#fault;
    }
    const positions = new Map<number, number>();
    for (const event of result?.events ?? []) {
      const revision = Number(event.kv.mod_revision);
      const at = positions.get(revision) ?? 0;
      positions.set(revision, at + 1);
      if (revision > this.#revision) this.#take(event, revision, at);
    }
    this.#revision = Math.max(this.#revision, ...positions.keys());
  }

  #take({ type, kv }: WireEvent, revision: number, at: number): void {
    const key = Buffer.from(kv.key, 'base64').toString();
    if (!key.startsWith(this.#prefix)) return;
    const name = key.slice(this.#prefix.length);
    if (type === 'DELETE') {
      this.truth.delete(versionOf(revision, at), name);
      return;
    }
    const { index, body } = readHeader(key, Buffer.from(kv.value ?? '', 'base64'));
    this.truth.put(versionOf(revision, index), JSON.parse(body.toString()) as MarkedObject);
  }
}
