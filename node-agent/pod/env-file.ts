/** Larger files are not read: a container's environment has no room for them. */
export const maxEnvFileBytes: number = 64 * 1024;

/** The file is not made of `NAME=value` lines. */
export class EnvFileError extends Error {
  readonly code = 'ENV_FILE';
}

/**
 * Variables of a file of lines `NAME=value`. Empty lines and lines that begin with `#` say nothing. A value in single
 * quotes is taken as it stands, over several lines too; any other without the blanks around it. The last one of a name wins.
 * @throws EnvFileError
 */
export function parseEnvFile(text: string): ReadonlyMap<string, string> {
  const variables = new Map<string, string>();
  let rest = text;
  for (let line = 1; rest !== ''; line += 1) {
    const end = endOfLine(rest, 0);
    const start = rest.slice(0, end).trimStart();
    if (start === '' || start.startsWith('#')) {
      rest = rest.slice(end + 1);
      continue;
    }
    const equals = rest.indexOf('=');
    if (equals < 0 || equals > end || rest.slice(0, equals).trim() === '')
      throw new EnvFileError(`line ${line} of the environment file is not NAME=value`);
    const { value, next } = valueAt(rest, equals + 1);
    variables.set(rest.slice(0, equals).trim(), value);
    line += rest.slice(0, Math.max(0, next - 1)).split('\n').length - 1;
    rest = rest.slice(next);
  }
  return variables;
}

function valueAt(text: string, from: number): { readonly value: string; readonly next: number } {
  if (text[from] !== "'") {
    const end = endOfLine(text, from);
    return { value: text.slice(from, end).trim(), next: end + 1 };
  }
  const closing = text.indexOf("'", from + 1);
  if (closing < 0) throw new EnvFileError('a quote in the environment file is not closed');
  return { value: text.slice(from + 1, closing), next: endOfLine(text, closing) + 1 };
}

function endOfLine(text: string, from: number): number {
  const end = text.indexOf('\n', from);
  return end < 0 ? text.length : end;
}
