import { type KindInfo, toApiVersion } from '../../api/kind-info.ts';
import type { Command } from '../command.ts';
import { align } from '../printers/table.ts';

export const apiResourcesCommand: Command = {
  name: 'api-resources',
  usage: 'api-resources',
  summary: 'Print the supported API resources on the server',
  flags: [
    { name: 'no-headers', kind: 'boolean', help: 'No column headers' },
    { name: 'namespaced', kind: 'text', bare: 'true', help: 'Only namespaced ones, or only others' },
    { name: 'api-group', kind: 'text', help: 'Only of this group' },
    { name: 'verbs', kind: 'list', help: 'Only those with all these verbs' },
    { name: 'output', short: 'o', kind: 'text', help: 'wide or name' },
  ],
  async run({ session, flags }) {
    const group = flags.text('api-group');
    const namespaced = flags.text('namespaced');
    const verbs = flags.list('verbs');
    const order = (kind: KindInfo): string => `${kind.group} ${kind.plural}`;
    const served = [...(await (await session.kinds()).discover())].sort((a, b) =>
      order(a) < order(b) ? -1 : 1,
    );
    const kinds = served.filter(
      (kind) =>
        (group === undefined || kind.group === group) &&
        (namespaced === undefined || String(kind.namespaced) === namespaced) &&
        verbs.every((verb) => kind.verbs.includes(verb)),
    );
    if (flags.text('output') === 'name') {
      session.io.out(
        kinds.map((kind) => `${kind.plural}${kind.group === '' ? '' : `.${kind.group}`}\n`).join(''),
      );
      return undefined;
    }
    const wide = flags.text('output') === 'wide';
    const header = [
      'NAME',
      'SHORTNAMES',
      'APIVERSION',
      'NAMESPACED',
      'KIND',
      ...(wide ? ['VERBS', 'CATEGORIES'] : []),
    ];
    const rows = kinds.map((kind) => [
      kind.plural,
      kind.shortNames.join(','),
      toApiVersion(kind),
      String(kind.namespaced),
      kind.kind,
      ...(wide ? [kind.verbs.join(','), kind.categories.join(',')] : []),
    ]);
    session.io.out(align(flags.bool('no-headers') ? rows : [header, ...rows]));
    return undefined;
  },
};
