/**
 * Rewrites links in HTML on its way, so that a page behind a proxied path finds its parts. Nothing but the values of
 * link attributes is changed; scripts and styles are passed over. At most one tag is held.
 */
import { Transform } from 'node:stream';

/** A tag that is longer goes through as it is. */
const maxTagLength = 64 * 1024;

const source = ['src'];
const linkAttributes: ReadonlyMap<string, readonly string[]> = new Map([
  ['a', ['href']],
  ['applet', ['codebase']],
  ['area', ['href']],
  ['audio', source],
  ['base', ['href']],
  ['blockquote', ['cite']],
  ['body', ['background']],
  ['button', ['formaction']],
  ['command', ['icon']],
  ['del', ['cite']],
  ['embed', source],
  ['form', ['action']],
  ['frame', ['longdesc', 'src']],
  ['head', ['profile']],
  ['html', ['manifest']],
  ['iframe', ['longdesc', 'src']],
  ['img', ['longdesc', 'src', 'usemap']],
  ['input', ['src', 'usemap', 'formaction']],
  ['ins', ['cite']],
  ['link', ['href']],
  ['object', ['classid', 'codebase', 'data', 'usemap']],
  ['q', ['cite']],
  ['script', source],
  ['source', source],
  ['video', ['poster', 'src']],
]);

const rawText: ReadonlySet<string> = new Set(['script', 'style', 'textarea', 'title']);
const beginsTag = /^<[a-z/!?]/i;
const tagName = /^<([a-z][a-z0-9]*)(?=[\s/>])/i;
const attribute = /([^\s"'<>/=]+)(\s*=\s*)("[^"]*"|'[^']*'|[^\s"'>]+)/g;

/** Bytes in, bytes out: text is taken as Latin-1, in which markup and URLs are the same as in UTF-8. */
export function htmlLinks(rewrite: (link: string) => string): Transform {
  const rewriter = new HtmlRewriter(rewrite);
  return new Transform({
    transform: (chunk: Buffer, _encoding, done) =>
      done(null, Buffer.from(rewriter.add(chunk.toString('latin1')), 'latin1')),
    flush: (done) => done(null, Buffer.from(rewriter.rest(), 'latin1')),
  });
}

class HtmlRewriter {
  readonly #rewrite: (link: string) => string;
  #held = '';
  /** The element whose content is no markup. */
  #raw = '';

  constructor(rewrite: (link: string) => string) {
    this.#rewrite = rewrite;
  }

  add(text: string): string {
    this.#held += text;
    let out = '';
    for (;;) {
      const next = this.#next();
      if (next === undefined) return out;
      out += next;
    }
  }

  rest(): string {
    return this.#held;
  }

  /** The next whole piece: text up to a tag, a tag, or a comment. */
  #next(): string | undefined {
    const start = this.#raw === '' ? this.#held.indexOf('<') : this.#endOfRaw();
    if (start > 0) return this.#take(start);
    if (start < 0) return this.#held === '' || this.#raw !== '' ? undefined : this.#take(this.#held.length);
    this.#raw = '';
    if (this.#held.length > 1 && !beginsTag.test(this.#held)) return this.#take(1);
    const end = tagEnd(this.#held);
    if (end < 0) return this.#held.length > maxTagLength ? this.#take(this.#held.length) : undefined;
    return this.#tag(this.#take(end));
  }

  /** -1 with everything but what may be the beginning of the end taken: scripts may be long. */
  #endOfRaw(): number {
    const at = this.#held.toLowerCase().indexOf(`</${this.#raw}`);
    if (at >= 0) return at;
    const safe = this.#held.length - this.#raw.length - 2;
    return safe > 0 ? safe : -1;
  }

  #take(length: number): string {
    const taken = this.#held.slice(0, length);
    this.#held = this.#held.slice(length);
    return taken;
  }

  #tag(tag: string): string {
    const name = tagName.exec(tag)?.[1]?.toLowerCase() ?? '';
    if (rawText.has(name) && !tag.endsWith('/>')) this.#raw = name;
    const links = linkAttributes.get(name);
    if (links === undefined) return tag;
    const head = name.length + 1;
    return (
      tag.slice(0, head) +
      tag.slice(head).replace(attribute, (whole, key: string, equals: string, value: string) => {
        if (!links.includes(key.toLowerCase())) return whole;
        const quote = value.startsWith('"') || value.startsWith("'") ? value.slice(0, 1) : '';
        const bare = quote === '' ? value : value.slice(1, -1);
        return `${key}${equals}${quote}${this.#rewrite(bare)}${quote}`;
      })
    );
  }
}

/** The index behind a tag or comment that begins at 0; -1 when it has not ended. */
function tagEnd(text: string): number {
  if (text.startsWith('<!--')) {
    const end = text.indexOf('-->', 4);
    return end < 0 ? -1 : end + 3;
  }
  let quote = '';
  for (let at = 1; at < text.length; at += 1) {
    const character = text.charAt(at);
    if (quote !== '') {
      if (character === quote) quote = '';
    } else if (character === '"' || character === "'") quote = character;
    else if (character === '>') return at + 1;
  }
  return -1;
}
