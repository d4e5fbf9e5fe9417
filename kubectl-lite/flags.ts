import { usageError } from './cli-error.ts';

export interface FlagSpec {
  readonly name: string;
  readonly short?: string;
  readonly kind: 'boolean' | 'text' | 'list';
  readonly fallback?: string;
  readonly help?: string;
  /** What a flag of kind `text` means when it stands without a value, as `--dry-run`. */
  readonly bare?: string;
}

/** What stood on the command line. */
export class Flags {
  readonly #specs: ReadonlyMap<string, FlagSpec>;
  readonly #values: ReadonlyMap<string, readonly string[]>;

  readonly #usage: string;

  constructor(specs: readonly FlagSpec[], values: ReadonlyMap<string, readonly string[]>, usage = '') {
    this.#usage = usage;
    this.#specs = new Map(specs.map((spec) => [spec.name, spec]));
    this.#values = values;
  }

  has(name: string): boolean {
    return this.#values.has(name);
  }

  bool(name: string): boolean {
    const value = this.text(name) ?? 'false';
    if (['true', 't', '1', 'T', 'TRUE', 'True'].includes(value)) return true;
    if (['false', 'f', '0', 'F', 'FALSE', 'False'].includes(value)) return false;
    throw this.#invalid(name, value, `strconv.ParseBool: parsing "${value}": invalid syntax`);
  }

  text(name: string): string | undefined {
    return this.#values.get(name)?.at(-1) ?? this.#specs.get(name)?.fallback;
  }

  /** Values of a repeated flag; commas separate as well. */
  list(name: string): string[] {
    return (this.#values.get(name) ?? []).flatMap((value) => value.split(','));
  }

  /** As `list`, but commas belong to the value. */
  repeated(name: string): readonly string[] {
    return this.#values.get(name) ?? [];
  }

  number(name: string): number | undefined {
    const value = this.text(name);
    if (value === undefined) return undefined;
    if (/^-?\d+$/.test(value)) return Number(value);
    throw this.#invalid(name, value, `strconv.ParseInt: parsing "${value}": invalid syntax`);
  }

  /** Milliseconds of a Go duration (`1m30s`, `500ms`) or of bare seconds. */
  durationMs(name: string): number | undefined {
    const value = this.text(name);
    if (value === undefined) return undefined;
    const durationMs = parseDurationMs(value);
    if (durationMs === undefined) throw this.#invalid(name, value, `time: invalid duration "${value}"`);
    return durationMs;
  }

  #invalid(name: string, value: string, why: string): Error {
    const short = this.#specs.get(name)?.short;
    const flag = short === undefined ? `--${name}` : `-${short}, --${name}`;
    const hint = this.#usage === '' ? '' : `\nSee '${this.#usage} --help' for usage.`;
    return usageError(`invalid argument "${value}" for "${flag}" flag: ${why}${hint}`);
  }
}

const unitMs: Readonly<Record<string, number>> = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000 };

function parseDurationMs(value: string): number | undefined {
  if (/^\d+$/.test(value)) return Number(value) * 1000;
  if (!/^(\d+(\.\d+)?(ms|s|m|h))+$/.test(value)) return undefined;
  let total = 0;
  for (const [, amount, unit = ''] of value.matchAll(/(\d+(?:\.\d+)?)(ms|s|m|h)/g))
    total += Number(amount) * (unitMs[unit] ?? 0);
  return total;
}

export interface ParsedLine {
  readonly flags: Flags;
  readonly args: readonly string[];
  /** What stands after `--`. */
  readonly rest: readonly string[] | undefined;
}

/** Flags may stand anywhere before `--`, in every form that kubectl takes: `-n x`, `-nx`, `-n=x`, `-it`, `--name=x`. */
export function parseLine(argv: readonly string[], specs: readonly FlagSpec[], usage: string): ParsedLine {
  const parser = new LineParser(specs, usage);
  const end = argv.indexOf('--');
  const words = end < 0 ? argv : argv.slice(0, end);
  for (let i = 0; i < words.length; i += 1) if (parser.word(words[i] ?? '', words[i + 1])) i += 1;
  return { flags: parser.flags(), args: parser.args, rest: end < 0 ? undefined : argv.slice(end + 1) };
}

class LineParser {
  readonly args: string[] = [];
  readonly #specs: readonly FlagSpec[];
  readonly #usage: string;
  readonly #values = new Map<string, string[]>();

  constructor(specs: readonly FlagSpec[], usage: string) {
    this.#specs = specs;
    this.#usage = usage;
  }

  flags(): Flags {
    return new Flags(this.#specs, this.#values, this.#usage);
  }

  /** @returns whether `next` was taken as a value */
  word(word: string, next: string | undefined): boolean {
    if (word.startsWith('--')) return this.#long(word, next);
    if (word.startsWith('-') && word.length > 1) return this.#short(word, next);
    this.args.push(word);
    return false;
  }

  #long(word: string, next: string | undefined): boolean {
    const equals = word.indexOf('=');
    const name = equals < 0 ? word.slice(2) : word.slice(2, equals);
    const spec = this.#specs.find((candidate) => candidate.name === name);
    if (spec === undefined) throw this.#unknown(`unknown flag: --${name}`);
    if (equals >= 0) return this.#set(spec, word.slice(equals + 1));
    return this.#open(spec, next, `flag needs an argument: --${name}`);
  }

  #short(word: string, next: string | undefined): boolean {
    for (let at = 1; at < word.length; at += 1) {
      const letter = word[at] ?? '';
      const spec = this.#specs.find((candidate) => candidate.short === letter);
      if (spec === undefined) throw this.#unknown(`unknown shorthand flag: '${letter}' in ${word}`);
      const attached = word.slice(at + 1);
      if (attached.startsWith('=')) return this.#set(spec, attached.slice(1));
      if (spec.kind === 'boolean') this.#set(spec, 'true');
      else if (attached !== '') return this.#set(spec, attached);
      else return this.#open(spec, next, `flag needs an argument: '${letter}' in ${word}`);
    }
    return false;
  }

  #open(spec: FlagSpec, next: string | undefined, complaint: string): boolean {
    if (spec.kind === 'boolean') return this.#set(spec, 'true');
    if (spec.bare !== undefined) return this.#set(spec, spec.bare);
    if (next === undefined) throw this.#unknown(complaint);
    this.#set(spec, next);
    return true;
  }

  #set(spec: FlagSpec, value: string): boolean {
    const values = this.#values.get(spec.name);
    if (values === undefined) this.#values.set(spec.name, [value]);
    else values.push(value);
    return false;
  }

  #unknown(message: string): Error {
    return usageError(`${message}\nSee '${this.#usage} --help' for usage.`);
  }
}
