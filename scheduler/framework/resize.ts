import type { Container, ContainerStatus, Pod, PodSpec } from '../../api/generated/core-v1.ts';
import { compareQuantities, parseQuantity } from '../../api/quantity.ts';

type Requests = Readonly<Record<string, string>>;

/**
 * The spec by which a pod takes room on its node: of what it asks for, what its node has granted and what it really
 * has, the greatest, since a resize takes time; without what it asks for when the node said that it can never give it.
 * @see KEP-1287
 */
export function specInForce(pod: Pod): PodSpec {
  const { spec, status } = pod;
  const { containerStatuses, initContainerStatuses } = status ?? {};
  if ((containerStatuses ?? initContainerStatuses) === undefined) return spec;
  const infeasible = isInfeasible(pod);
  const inForce = (container: Container, statuses: readonly ContainerStatus[] = []): Container => {
    const found = statuses.find(({ name }) => name === container.name);
    if (found?.resources === undefined) return container;
    const asked = container.resources?.requests;
    const { allocatedResources, resources } = found;
    const requests = greatestOf(infeasible ? undefined : asked, resources.requests, allocatedResources);
    return requests === asked ? container : { ...container, resources: { ...container.resources, requests } };
  };
  const isSidecar = ({ restartPolicy }: Container): boolean => restartPolicy === 'Always';
  const containers = changed(spec.containers, (each) => inForce(each, containerStatuses));
  const initContainers = changed(spec.initContainers, (each) =>
    isSidecar(each) ? inForce(each, initContainerStatuses) : each,
  );
  const isSame = containers === spec.containers && initContainers === spec.initContainers;
  return isSame ? spec : { ...spec, containers: containers ?? [], initContainers };
}

const isInfeasible = ({ status }: Pod): boolean =>
  (status?.conditions ?? []).some(
    ({ type, status: state, reason }) =>
      type === 'PodResizePending' && state === 'True' && reason === 'Infeasible',
  );

/** The list itself when each of its parts stays as it is. */
function changed(list: Container[] | undefined, by: (each: Container) => Container): Container[] | undefined {
  const made = list?.map(by);
  return made?.some((each, i) => each !== list?.[i]) === true ? made : list;
}

/** `asked` itself when it has the most of everything. */
function greatestOf(asked: Requests | undefined, ...others: (Requests | undefined)[]): Requests {
  let greatest: Record<string, string> | undefined;
  for (const other of others)
    for (const [name, amount] of Object.entries(other ?? {})) {
      const known: string | undefined = (greatest ?? asked)?.[name];
      if (known === amount) continue;
      if (known !== undefined && compareQuantities(parseQuantity(amount), parseQuantity(known)) <= 0)
        continue;
      greatest ??= { ...asked };
      greatest[name] = amount;
    }
  return greatest ?? asked ?? {};
}
