import type { Container, Pod } from '../../api/generated/core-v1.ts';
import type { AgentHost } from './agent-host.ts';
import { eventually } from './eventually.ts';

/** The container `main` of a pod on an `AgentHost`: a shell that runs `script`. */
export function shellContainer(script: string, more: Partial<Container> = {}): Container {
  return {
    name: 'main',
    image: 'tools',
    imagePullPolicy: 'IfNotPresent',
    command: ['sh', '-c', script],
    ...more,
  };
}

export function untilPod(
  host: AgentHost,
  name: string,
  check: (pod: Pod) => boolean,
  deadlineMs = 15_000,
): Promise<Pod> {
  return eventually(async () => {
    const pod = await host.getPod(name);
    if (!check(pod)) throw new Error(`${name}: ${JSON.stringify(pod.status)}`);
    return pod;
  }, deadlineMs);
}
