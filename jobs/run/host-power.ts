/**
 * What a job could do to the machine it runs on: a privileged container, a socket of the container engine, a mount of
 * the host's own disk. Namespaces inside such a job hold an agent back, but nothing stands behind them, so
 * `sandbox: required` refuses to work there (threat D12).
 */
import { access, constants, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';

/** Sockets that stand for root on the host. */
const ENGINE_SOCKETS = [
  ...['docker.sock', 'podman/podman.sock', 'containerd/containerd.sock', 'crio/crio.sock'],
  ...['docker/containerd/containerd.sock', 'buildkit/buildkitd.sock'],
].flatMap((name) => [`run/${name}`, `var/run/${name}`]);
/** CAP_SYS_MODULE, CAP_SYS_RAWIO, CAP_SYS_ADMIN: no container has all of them unless it is privileged. */
const HOST_CAPABILITIES = (1n << 16n) | (1n << 17n) | (1n << 21n);
const MARKS = ['.dockerenv', 'run/.containerenv'];

/**
 * Each power over the host in a few words; empty where there is none. `root` is where to look, which tests
 * change. What cannot be read is no power: a job that may not look at it has none of it.
 */
export async function hostPowers(root = '/'): Promise<string[]> {
  const mounts = mountPoints(await text(join(root, 'proc/self/mountinfo')));
  const powers: string[] = [];
  const container = await isContainer(root, mounts);
  if (container && (await isPrivileged(root))) powers.push('the container is privileged');
  const sockets = [
    ...ENGINE_SOCKETS.map((name) => `/${name}`),
    ...mounts.map(({ at }) => at).filter((at) => at.endsWith('.sock')),
  ];
  const open = await Promise.all(
    [...new Set(sockets)].map(async (at) => ((await isOpenSocket(join(root, at))) ? [at] : [])),
  );
  const [socket] = open.flat();
  if (socket !== undefined) powers.push(`the container engine answers on ${socket}`);
  for (const { at } of container ? mounts : []) {
    if (at !== '/' && (await isSystem(join(root, at)))) powers.push(`the host's disk is at ${at}`);
  }
  return powers;
}

interface Mount {
  at: string;
  type: string;
}

/** Lines of mountinfo(5): the fifth field is the place, the one after the lone `-` the kind. */
function mountPoints(info: string): Mount[] {
  return info.split('\n').flatMap((line) => {
    const fields = line.split(' ');
    const at = fields[4]?.replaceAll('\\040', ' ');
    const type = fields[fields.indexOf('-') + 1];
    return at === undefined || type === undefined ? [] : [{ at, type }];
  });
}

/** Marked as one; and neither the kernel's own threads nor a disk as root show that it is a machine. */
async function isContainer(root: string, mounts: readonly Mount[]): Promise<boolean> {
  const marks = await Promise.all(MARKS.map((name) => isReadable(join(root, name))));
  if (!marks.includes(true)) return false;
  const kernel = (await text(join(root, 'proc/2/comm'))).trim() === 'kthreadd';
  const disk = mounts.findLast(({ at }) => at === '/')?.type ?? '';
  return !kernel || !['ext4', 'xfs', 'btrfs'].includes(disk);
}

async function isPrivileged(root: string): Promise<boolean> {
  const status = await text(join(root, 'proc/self/status'));
  const effective = /^CapEff:\s*([0-9a-f]{1,16})$/m.exec(status)?.[1] ?? '0';
  return (BigInt(`0x${effective}`) & HOST_CAPABILITIES) === HOST_CAPABILITIES;
}

async function isOpenSocket(file: string): Promise<boolean> {
  const found = await stat(file).catch(() => null);
  if (found?.isSocket() !== true) return false;
  return access(file, constants.W_OK).then(
    () => true,
    () => false,
  );
}

/** A whole system stands there: its users and its programs. */
async function isSystem(folder: string): Promise<boolean> {
  return (
    (await isReadable(join(folder, 'etc/passwd'))) && (await isReadable(join(folder, 'usr/bin')))
  );
}

function isReadable(file: string): Promise<boolean> {
  return access(file, constants.R_OK).then(
    () => true,
    () => false,
  );
}

/** A file's text, '' when it cannot be read. */
function text(file: string): Promise<string> {
  return readFile(file, 'utf8').catch(() => '');
}
