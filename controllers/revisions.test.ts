import { expect, it } from 'vitest';
import type { ControllerRevision } from '../api/generated/apps-v1.ts';
import { revisionData, templateOf } from './revisions.ts';

it('keeps a template as the bytes that Go makes of it as a map', () => {
  const template = {
    metadata: { labels: { app: 'web' } },
    spec: { restartPolicy: 'Always', containers: [{ name: 'c', image: 'nginx', resources: {} }] },
  };
  const data = revisionData(template);
  expect(JSON.stringify(data)).toBe(
    '{"spec":{"template":{"$patch":"replace","metadata":{"labels":{"app":"web"}},' +
      '"spec":{"containers":[{"image":"nginx","name":"c","resources":{}}],"restartPolicy":"Always"}}}}',
  );
  expect(templateOf({ data } as ControllerRevision)).toEqual(template);
});
