import type { Db } from '../../database/index.ts';
import type { NewId } from '../../platform/ids.ts';

/** A tenant. */
export interface Workspace {
  id: string;
  name: string;
  timeZone: string;
  /** Two letters; local forms of phone numbers are read as this country's. */
  defaultCountry: string;
}

/**
 * The workspace of a program without accounts: the oldest one, made at the first start. The caller is the only program on
 * this database, so two starts cannot both make one.
 */
export async function openWorkspace(db: Db, newId: NewId): Promise<Workspace> {
  const oldest = await db
    .selectFrom('workspaces')
    .select(['id', 'name', 'time_zone as timeZone', 'default_country as defaultCountry'])
    .where('is_demo', '=', false)
    .orderBy('created_at')
    .orderBy('id')
    .limit(1)
    .executeTakeFirst();
  if (oldest) return oldest;
  return await createWorkspace(db, {
    id: newId(),
    name: 'Main',
    timeZone: Intl.DateTimeFormat().resolvedOptions().timeZone,
    defaultCountry: 'MY',
  });
}

/** Adds a workspace; one of the demo is never opened by `openWorkspace`. */
export async function createWorkspace(
  db: Db,
  workspace: Workspace,
  options = { isDemo: false },
): Promise<Workspace> {
  await db
    .insertInto('workspaces')
    .values({
      id: workspace.id,
      name: workspace.name,
      time_zone: workspace.timeZone,
      default_country: workspace.defaultCountry,
      is_demo: options.isDemo,
    })
    .execute();
  return workspace;
}
