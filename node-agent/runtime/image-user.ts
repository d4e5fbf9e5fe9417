import type { ContainerSecurity, PodIdentity } from './runtime.ts';

/** User and groups of a process, as the kernel wants them. */
export interface ProcessUser {
  readonly uid: number;
  readonly gid: number;
  readonly additionalGids: readonly number[];
}

/** Contents of the image's account files; empty when it has none. */
export interface AccountFiles {
  readonly passwd: string;
  readonly group: string;
}

/** The container's user cannot be used: code `RUN_AS_NON_ROOT` or `CONTAINER_USER`. */
export class ContainerUserError extends Error {
  readonly code: 'RUN_AS_NON_ROOT' | 'CONTAINER_USER';

  constructor(code: 'RUN_AS_NON_ROOT' | 'CONTAINER_USER', message: string) {
    super(message);
    this.code = code;
  }
}

interface Account {
  readonly name: string;
  readonly uid: number;
  readonly gid: number;
}

interface Group {
  readonly name: string;
  readonly gid: number;
  readonly members: readonly string[];
}

/**
 * Who the container runs as: the pod's `runAsUser` and `runAsGroup` before the image's USER, names looked up in the
 * image, membership in the image's groups added to the pod's supplemental groups unless its policy is Strict.
 *
 * @throws ContainerUserError when a name is not in the image.
 */
export function resolveUser(
  security: Pick<
    ContainerSecurity,
    'runAsUser' | 'runAsGroup' | 'supplementalGroups' | 'supplementalGroupsPolicy'
  >,
  imageUser: string,
  files: AccountFiles,
): ProcessUser {
  const accounts = parsePasswd(files.passwd);
  const groups = parseGroup(files.group);
  const [userPart = '', groupPart = ''] = (
    security.runAsUser === undefined ? imageUser : String(security.runAsUser)
  ).split(':');
  const account = userPart === '' ? lookUpAccount('0', accounts) : lookUpAccount(userPart, accounts);
  const gid = security.runAsGroup ?? (groupPart === '' ? account.gid : lookUpGroup(groupPart, groups));
  const memberships =
    account.name === '' || security.supplementalGroupsPolicy === 'Strict'
      ? []
      : groups.filter((group) => group.members.includes(account.name)).map((g) => g.gid);
  return {
    uid: account.uid,
    gid,
    additionalGids: [...new Set([gid, ...memberships, ...security.supplementalGroups])],
  };
}

/** @throws ContainerUserError `RUN_AS_NON_ROOT` with the kubelet's words. */
export function verifyNonRoot(
  security: Pick<ContainerSecurity, 'runAsNonRoot' | 'runAsUser'>,
  imageUser: string,
  where: { readonly pod: PodIdentity; readonly container: string },
): void {
  if (!security.runAsNonRoot) return;
  const { pod } = where;
  const place = `(pod: "${pod.name}_${pod.namespace}(${pod.uid})", container: ${where.container})`;
  const refuse = (reason: string): never => {
    throw new ContainerUserError('RUN_AS_NON_ROOT', `${reason} ${place}`);
  };
  if (security.runAsUser !== undefined) {
    if (security.runAsUser === 0) refuse("container's runAsUser breaks non-root policy");
    return;
  }
  const user = imageUser.split(':')[0] ?? '';
  if (user === '' || user === '0') refuse('container has runAsNonRoot and image will run as root');
  if (!/^\d+$/.test(user)) {
    refuse(
      `container has runAsNonRoot and image has non-numeric user (${user}), cannot verify user is non-root`,
    );
  }
}

function lookUpAccount(user: string, accounts: readonly Account[]): Account {
  if (/^\d+$/.test(user)) {
    const uid = Number(user);
    return accounts.find((account) => account.uid === uid) ?? { name: '', uid, gid: 0 };
  }
  const account = accounts.find((candidate) => candidate.name === user);
  if (account === undefined) {
    throw new ContainerUserError(
      'CONTAINER_USER',
      `unable to find user ${user}: no matching entries in passwd file`,
    );
  }
  return account;
}

function lookUpGroup(name: string, groups: readonly Group[]): number {
  if (/^\d+$/.test(name)) return Number(name);
  const group = groups.find((candidate) => candidate.name === name);
  if (group === undefined) {
    throw new ContainerUserError(
      'CONTAINER_USER',
      `unable to find group ${name}: no matching entries in group file`,
    );
  }
  return group.gid;
}

function parsePasswd(text: string): Account[] {
  return text.split('\n').flatMap((line) => {
    const [name = '', , uid = '', gid = ''] = line.split(':');
    return name !== '' && /^\d+$/.test(uid) && /^\d+$/.test(gid)
      ? [{ name, uid: Number(uid), gid: Number(gid) }]
      : [];
  });
}

function parseGroup(text: string): Group[] {
  return text.split('\n').flatMap((line) => {
    const [name = '', , gid = '', members = ''] = line.split(':');
    return name !== '' && /^\d+$/.test(gid)
      ? [{ name, gid: Number(gid), members: members.split(',').filter((member) => member !== '') }]
      : [];
  });
}
