import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

/** A request that a real client made. `${ns}` stands for the namespace of the case. */
export interface RecordedRequest {
  readonly method: string;
  readonly path: string;
  readonly body?: unknown;
  /** Of bodies that are no JSON. */
  readonly bodyBase64?: string;
  readonly contentType?: string;
  readonly headers?: Readonly<Record<string, string>>;
}

const cases = join(import.meta.dirname, '../parity/cases');
/** Groups that impersonate, wait for long, or are about kinds that are not served. */
const left: ReadonlySet<string> = new Set(['access', 'admission']);

interface RecordedCase {
  readonly steps: readonly RecordedRequest[];
}

/** The requests of the parity cases: what is damaged is what clients send. */
export function loadCorpus(): readonly RecordedRequest[] {
  const files = readdirSync(cases, { recursive: true, encoding: 'utf8' }).filter(
    (file) => file.endsWith('.json') && !left.has(file.split('/')[0] ?? ''),
  );
  const found = files.flatMap((file) => {
    const { steps } = JSON.parse(readFileSync(join(cases, file), 'utf8')) as RecordedCase;
    return steps.filter((step) => typeof step.path === 'string' && typeof step.method === 'string');
  });
  if (found.length < 300) throw new Error(`only ${found.length} recorded requests under ${cases}`);
  return found;
}
