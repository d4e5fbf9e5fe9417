import { parseArgs } from 'node:util';
import { messageOf } from '../base/invariant.ts';

/** Every flag takes a value; `undefined` as default means that it may be left out. */
export type FlagDefaults = Readonly<Record<string, string | undefined>>;

/** A program's flags, read from its command line. What is wrong with them ends the program: exit 2 and one line. */
export class Flags<D extends FlagDefaults> {
  readonly #program: string;
  readonly #values: Readonly<Record<string, string | undefined>>;

  constructor(program: string, defaults: D, argv: readonly string[] = process.argv.slice(2)) {
    this.#program = program;
    this.#values = this.#parse(defaults, argv);
  }

  optional(name: keyof D & string): string | undefined {
    return this.#values[name];
  }

  required(name: keyof D & string): string {
    return this.#values[name] ?? this.#refuse(`--${name} is required`);
  }

  boolean(name: keyof D & string): boolean {
    const value = this.required(name);
    if (value === 'true' || value === 'false') return value === 'true';
    return this.#refuse(`--${name}: "${value}" is not true or false`);
  }

  integer(name: keyof D & string, least: number, most: number): number {
    const value = Number(this.required(name));
    if (Number.isInteger(value) && value >= least && value <= most) return value;
    return this.#refuse(`--${name}: "${this.required(name)}" is not a number from ${least} to ${most}`);
  }

  /** Whole hours, as in `2160h`. */
  hours(name: keyof D & string): number {
    const text = this.required(name);
    const hours = /^([1-9][0-9]{0,5})h$/.exec(text)?.[1];
    return hours === undefined
      ? this.#refuse(`--${name}: "${text}" is not whole hours as in 2160h`)
      : Number(hours);
  }

  #parse(defaults: D, argv: readonly string[]): Readonly<Record<string, string | undefined>> {
    const options = Object.fromEntries(
      Object.keys(defaults).map((name) => [name, { type: 'string' as const }]),
    );
    // A boolean flag may stand alone, as everywhere else in Kubernetes.
    const args = argv.map((arg) => (defaults[arg.slice(2)] === 'true' ? `${arg}=true` : arg));
    try {
      const { values } = parseArgs({ args, options, strict: true, allowPositionals: false });
      const given = Object.entries(values).flatMap(([name, value]) =>
        typeof value === 'string' ? [[name, value] as const] : [],
      );
      return { ...defaults, ...Object.fromEntries(given) };
    } catch (error) {
      return this.#refuse(messageOf(error).split('\n')[0] ?? '');
    }
  }

  #refuse(message: string): never {
    console.error(`${this.#program}: ${message}`);
    process.exit(2);
  }
}
