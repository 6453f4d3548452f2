import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';

/** The account that PostgreSQL runs under. Without ids it is the account of this process. */
export interface Account {
  name: string;
  ids: { uid: number; gid: number } | undefined;
}

/** PostgreSQL takes its paths and its language from here; nothing of the caller's PG* variables may leak in. */
export const serverEnvironment = { LC_ALL: 'C', PATH: '/usr/local/bin:/usr/bin:/bin' };

/**
 * PostgreSQL refuses to run as root, so root runs it under the service account `sambad` where the machine has one,
 * else under `nobody`. Everyone else runs it as themselves.
 */
export function serverAccount(): Account {
  if (process.getuid?.() !== 0) return { name: 'this account', ids: undefined };
  const lines = readFileSync('/etc/passwd', 'utf8').split('\n');
  for (const name of ['sambad', 'nobody']) {
    const fields = lines.find((line) => line.startsWith(`${name}:`))?.split(':');
    // macOS writes nobody's ids as -2; the system calls take them unsigned.
    if (fields) return { name, ids: { uid: Number(fields[2]) >>> 0, gid: Number(fields[3]) >>> 0 } };
  }
  return { name: 'nobody', ids: { uid: 65534, gid: 65534 } };
}

/** Whether the account can enter the folder. Asked of the system itself, so that ACLs and mounts count too. */
export function canEnter(account: Account, folder: string): boolean {
  return succeeds(account, '/bin/sh', ['-c', 'cd -- "$1"', 'sh', folder]);
}

/** Whether the account can run the program, its libraries included. */
export function canRun(account: Account, program: string): boolean {
  return succeeds(account, program, ['--version']);
}

function succeeds(account: Account, program: string, args: string[]): boolean {
  const result = spawnSync(program, args, {
    ...account.ids,
    cwd: '/',
    env: serverEnvironment,
    stdio: 'ignore',
    timeout: 10_000,
  });
  return result.status === 0;
}
