import type { Container, ContainerStatus, Pod, PodSpec } from '../../api/generated/core-v1.ts';
import { compareQuantities, parseQuantity } from '../../api/quantity.ts';

type Requests = Readonly<Record<string, string>>;

/**
 * The spec by which a pod takes room on its node. While it is being resized that is the greater of what it asks for
 * and what its node has granted, and only what is granted when the node said that it can never give the rest.
 * @see KEP-1287
 */
export function specInForce(pod: Pod): PodSpec {
  const { spec, status } = pod;
  const resize = status?.conditions?.find(
    ({ type, status: state }) =>
      state === 'True' && (type === 'PodResizePending' || type === 'PodResizeInProgress'),
  );
  if (resize === undefined) return spec;
  const isInfeasible = resize.type === 'PodResizePending' && resize.reason === 'Infeasible';
  const inForce = (container: Container, statuses: readonly ContainerStatus[] = []): Container => {
    const granted = statuses.find(({ name }) => name === container.name)?.allocatedResources;
    if (granted === undefined) return container;
    const requests = isInfeasible ? granted : greaterOf(container.resources?.requests ?? {}, granted);
    return { ...container, resources: { ...container.resources, requests } };
  };
  return {
    ...spec,
    containers: spec.containers.map((container) => inForce(container, status?.containerStatuses)),
    initContainers: spec.initContainers?.map((container) =>
      inForce(container, status?.initContainerStatuses),
    ),
  };
}

function greaterOf(asked: Requests, granted: Requests): Requests {
  const greater: Record<string, string> = { ...asked };
  for (const [name, amount] of Object.entries(granted)) {
    const other = asked[name];
    if (other === undefined || compareQuantities(parseQuantity(amount), parseQuantity(other)) > 0)
      greater[name] = amount;
  }
  return greater;
}
