import type { FlowSchema, PriorityLevelConfiguration } from '../../api/generated/flowcontrol-v1.ts';
import type { CachedObject, ReadCache } from '../watch-cache/read-cache.ts';
import type { FlowController } from './flow-controller.ts';

const group = 'flowcontrol.apiserver.k8s.io';

/** Keeps `controller` as the FlowSchemas and priority levels in the store say. */
export function followFlowConfiguration(cache: ReadCache, controller: FlowController): void {
  const schemas = new Map<string, FlowSchema>();
  const levels = new Map<string, PriorityLevelConfiguration>();
  const configure = (): void => controller.configure([...schemas.values()], [...levels.values()]);
  observe(cache, `${group}/flowschemas`, schemas, configure);
  observe(cache, `${group}/prioritylevelconfigurations`, levels, configure);
}

function observe<T>(cache: ReadCache, resource: string, objects: Map<string, T>, onChange: () => void): void {
  const read = ({ json }: CachedObject): T => JSON.parse(json.toString()) as T;
  cache.observe(resource, {
    changed(key, object) {
      if (object === undefined) objects.delete(key);
      else objects.set(key, read(object));
      onChange();
    },
    replaced(all) {
      objects.clear();
      for (const object of all) objects.set(object.key, read(object));
      onChange();
    },
  });
}
