/**
 * Who may do what, as a table in text, asked of a live server by the requests themselves: `yes` is any answer but the refusal of
 * the authorizer. Nothing is changed by a `yes`: creates have bodies that no kind accepts, everything else names what is not there.
 */
import type { ApiClient } from '../../client/client.ts';

export interface AccessRow {
  readonly line: string;
  readonly who: string;
  readonly verb: string;
  /** `group/resource[/subresource]` with `core` for the group without a name, or a path. */
  readonly what: string;
  /** `-` for the cluster. */
  readonly where: string;
  readonly allowed: boolean;
}

export interface Person {
  readonly user: string;
  readonly groups: readonly string[];
}

const versions: Readonly<Record<string, string>> = {
  core: 'v1',
  autoscaling: 'v2',
  'admissionregistration.k8s.io': 'v1',
  'metrics.k8s.io': 'v1beta1',
};
const methods: Readonly<Record<string, 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE'>> = {
  get: 'GET',
  list: 'GET',
  watch: 'GET',
  create: 'POST',
  update: 'PUT',
  patch: 'PATCH',
  delete: 'DELETE',
  deletecollection: 'DELETE',
};
const collections: ReadonlySet<string> = new Set(['list', 'watch', 'create', 'deletecollection']);

/** Lines of `who verb what where yes|no`; empty ones and those that begin with `#` are for people. */
export function parseAccessTable(text: string): AccessRow[] {
  return text
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '' && !line.startsWith('#'))
    .map((line) => {
      const [who = '', verb = '', what = '', where = '', answer = '', ...rest] = line.split(/\s+/);
      if (rest.length > 0 || (answer !== 'yes' && answer !== 'no'))
        throw new TypeError(`access table: ${line}`);
      return { line, who, verb, what, where, allowed: answer === 'yes' };
    });
}

function pathOf({ verb, what, where }: AccessRow): string {
  if (what.startsWith('/')) return what;
  const [group = '', resource = '', subresource] = what.split('/');
  const version = versions[group] ?? 'v1';
  const root = group === 'core' ? `/api/${version}` : `/apis/${group}/${version}`;
  const scope = where === '-' ? '' : `/namespaces/${where}`;
  const one = collections.has(verb) && subresource === undefined ? '' : '/nothing';
  const sub = subresource === undefined ? '' : `/${subresource}`;
  // A collection in a namespace of which nothing matches, so that a `yes` to deletecollection deletes nothing.
  const query = verb === 'watch' ? '?watch=1&timeoutSeconds=1' : '?labelSelector=no%3Dsuch';
  return `${root}${scope}/${resource}${one}${sub}${one === '' && verb !== 'create' ? query : ''}`;
}

/** The rows that the server answers otherwise than the table. */
export async function wrongRows(
  client: Pick<ApiClient, 'request'>,
  rows: readonly AccessRow[],
  people: ReadonlyMap<string, Person>,
): Promise<string[]> {
  const wrong: string[] = [];
  for (let start = 0; start < rows.length; start += rowsAtOnce) {
    const some = rows.slice(start, start + rowsAtOnce);
    const refusals = await Promise.all(some.map((row) => refusalOf(client, row, people.get(row.who))));
    for (const [at, row] of some.entries())
      if ((refusals[at] === undefined) !== row.allowed)
        wrong.push(`${row.line}: ${refusals[at] ?? 'was allowed'}`);
  }
  return wrong;
}

const rowsAtOnce = 40;

/** What the authorizer said; undefined when it let the request pass. */
async function refusalOf(
  client: Pick<ApiClient, 'request'>,
  row: AccessRow,
  person: Person | undefined,
): Promise<string | undefined> {
  if (person === undefined) throw new TypeError(`access table: who is ${row.who}?`);
  const headers: Record<string, string | string[]> = { 'impersonate-user': person.user };
  if (person.groups.length > 0) headers['impersonate-group'] = [...person.groups];
  const method = methods[row.verb] ?? 'GET';
  const writes = method === 'POST' || method === 'PUT' || method === 'PATCH';
  if (writes) headers['content-type'] = 'application/merge-patch+json';
  const { status, body } = await client.request({
    ...{ method, path: pathOf(row), headers },
    ...(writes ? { body: '[' } : {}),
  });
  if (status !== 403) return undefined;
  const { message = '' } = JSON.parse(body.toString()) as { readonly message?: string };
  return / cannot \S+ (resource|path) /.test(message) ? message : undefined;
}
