import type { PodTemplateSpec } from '../../api/generated/core-v1.ts';
import { column, wide } from './columns.ts';
import type { KindColumn } from './kind-rules.ts';

/** Containers and images of what a workload runs. */
export function templateColumns<T>(read: (object: T) => PodTemplateSpec | undefined): KindColumn<T>[] {
  const containers = (object: T): readonly { readonly name: string; readonly image?: string | undefined }[] =>
    read(object)?.spec?.containers ?? [];
  return [
    wide(
      column<T>('Containers', 'Names of each container in the template.', (object) =>
        containers(object)
          .map(({ name }) => name)
          .join(','),
      ),
    ),
    wide(
      column<T>('Images', 'Images referenced by each container in the template.', (object) =>
        containers(object)
          .map(({ image }) => image ?? '')
          .join(','),
      ),
    ),
  ];
}
