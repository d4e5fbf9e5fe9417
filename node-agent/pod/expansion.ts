/**
 * Replaces `$(NAME)` by the variable's value; a name that is unknown stays as written, and `$$` is one `$`, so that
 * `$$(NAME)` is the literal `$(NAME)`.
 */
export function expandVariables(text: string, lookup: (name: string) => string | undefined): string {
  return text.replace(/\$\$|\$\(([^)]*)\)/g, (whole, name: string | undefined) => {
    if (name === undefined) return '$';
    return lookup(name) ?? whole;
  });
}
