import { createHash } from 'node:crypto';
import { sql } from 'kysely';
import type { DatabaseService } from '../database/index.ts';
import { createWorkspace, type Workspace } from '../domain/accounts/index.ts';
import type { NewId } from '../platform/ids.ts';

/**
 * The key of every demo. What it seals are credentials of simulated numbers, so it need not be secret; being always the same, it
 * tells a database that a demo left behind from one with real numbers, which is refused because their key differs.
 */
export const demoKey: Buffer = createHash('sha256').update('sambad demo: simulated numbers only').digest();

/** A fresh workspace; what an earlier demo left in this database goes first. */
export async function openDemoWorkspace({ db }: DatabaseService, newId: NewId): Promise<Workspace> {
  await removeDemoWorkspaces({ db });
  const workspace = { id: newId(), name: 'Demo', timeZone: 'Asia/Kuala_Lumpur', defaultCountry: 'MY' };
  return await createWorkspace(db, workspace, { isDemo: true });
}

/** Removes everything that demos have put into a database. */
export async function removeDemoWorkspaces({ db }: Pick<DatabaseService, 'db'>): Promise<void> {
  // Children before their parents; what hangs on a device goes with it.
  const tables = [
    'broadcast_messages',
    'broadcast_job_stats',
    'broadcast_jobs',
    'campaigns',
    'lead_devices',
    'leads',
    'number_checks',
    'user_devices',
    'media',
  ];
  await db.transaction().execute(async (trx) => {
    for (const table of tables) {
      await sql`delete from ${sql.table(table)} where workspace_id in (select id from workspaces where is_demo)`.execute(
        trx,
      );
    }
    await sql`delete from workspaces where is_demo`.execute(trx);
  });
}
