import { sql } from 'kysely';
import type { Db } from '../database/index.ts';
import type { NewId } from '../platform/ids.ts';
import { type DirectSend, sendDirect } from './direct.ts';
import { type JobContent, templateFieldColumns } from './job-content.ts';
import { fillTemplate, parseTemplate, type TemplateFields } from './template.ts';

/**
 * Sends what a job would say to one number, filled for the lead with that number or, where there is none, for one without a name. It is a direct
 * message, so it counts in no job's statistics. Throws as `sendDirect` and `parseTemplate` do.
 */
export async function sendTest(
  db: Db,
  newId: NewId,
  test: Omit<DirectSend, 'content'> & { content: JobContent },
): Promise<{ messageId: number }> {
  const template = parseTemplate(test.content.template, 'message');
  const { rows } = await sql<TemplateFields>`
    select ${test.phone} as phone, ${templateFieldColumns}
    from (values (1)) as one left join leads l on l.workspace_id = ${test.workspaceId} and l.phone = ${test.phone}`.execute(
    db,
  );
  const text = fillTemplate(template, rows[0]!);
  return await sendDirect(db, newId, {
    ...test,
    content: { text, mediaId: test.content.mediaId ?? undefined },
  });
}
