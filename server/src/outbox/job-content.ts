import { sql } from 'kysely';
import type { Template } from 'liquidjs';
import { LRUCache } from 'lru-cache';
import type { Db } from '../database/index.ts';
import type { MediaSource, OutgoingContent } from '../whatsapp/client.ts';
import type { DelayRule } from './pacing.ts';
import type { SendWindow } from './policy/send-window.ts';
import { fillTemplate, parseTemplate, type TemplateFields } from './template.ts';

/** What a job sends, stored once with the job; the template is filled for each lead when its message is sent. */
export interface JobContent {
  template: string;
  /** An image to send with the text as its caption. */
  mediaId: string | null;
}

/** What a direct message sends, stored with it: no template, the text as it is. */
export interface DirectContent {
  text: string;
  /** An image to send with the text as its caption. */
  mediaId: string | null;
  /** Present when the message was asked for from this device: it waits for it and never moves. */
  deviceId?: string;
}

/** What every message of a job shares, ready for use. */
export interface Job {
  id: string;
  workspaceId: string;
  delay: DelayRule;
  /** When its messages may go out; the workspace's window narrows it further. */
  window: SendWindow | undefined;
  /** A template to fill, or a text that is sent as it is. */
  template: Template[] | string;
  media: MediaSource | undefined;
}

/** Jobs in memory; they never change once they are planned. Media bytes are read only when an upload asks for them. */
const jobsHeld = 500;

/** Reads jobs once and keeps the most recently used ones. */
export class JobContents {
  readonly #db: Db;
  readonly #jobs = new LRUCache<string, Job>({ max: jobsHeld });

  constructor(db: Db) {
    this.#db = db;
  }

  /** What a message is sent with: its job, or its own content under the job's delays. */
  async of(message: { workspaceId: string; jobId: string; content: DirectContent | null }): Promise<Job> {
    const job = await this.get(message.workspaceId, message.jobId);
    if (!message.content) return job;
    const { text, mediaId } = message.content;
    const media = mediaId ? await this.#mediaSource(message.workspaceId, mediaId) : undefined;
    return { ...job, template: text, media };
  }

  async get(workspaceId: string, jobId: string): Promise<Job> {
    const known = this.#jobs.get(jobId);
    if (known && known.workspaceId === workspaceId) return known;
    const row = await this.#db
      .selectFrom('broadcast_jobs')
      .select(['content', 'min_delay_ms', 'max_delay_ms', 'send_window'])
      .where('id', '=', jobId)
      .where('workspace_id', '=', workspaceId)
      .executeTakeFirstOrThrow();
    const content = row.content as JobContent;
    const job: Job = {
      id: jobId,
      workspaceId,
      delay: { minMs: row.min_delay_ms, maxMs: row.max_delay_ms },
      window: (row.send_window ?? undefined) as SendWindow | undefined,
      template: parseTemplate(content.template, 'message'),
      media: content.mediaId ? await this.#mediaSource(workspaceId, content.mediaId) : undefined,
    };
    this.#jobs.set(jobId, job);
    return job;
  }

  async #mediaSource(workspaceId: string, mediaId: string): Promise<MediaSource> {
    const media = this.#db
      .selectFrom('media')
      .where('id', '=', mediaId)
      .where('workspace_id', '=', workspaceId);
    const { mime_type } = await media.select('mime_type').executeTakeFirstOrThrow();
    return {
      mediaId,
      mimeType: mime_type,
      load: async () => (await media.select('bytes').executeTakeFirstOrThrow()).bytes,
    };
  }
}

/** The message for one lead. Throws when the template cannot be filled. */
export function render(job: Job, fields: TemplateFields): OutgoingContent {
  const text = typeof job.template === 'string' ? job.template : fillTemplate(job.template, fields);
  return job.media ? { kind: 'image', caption: text, media: job.media } : { kind: 'text', text };
}

/** The lead's columns as SQL, named as a template names them; for queries that join `leads l`, to the left where there may be no lead. */
export const templateFieldColumns = sql`coalesce(l.name, '') as name, coalesce(array_to_string(l.niches, ', '), '') as niche,
  coalesce(l.additional_note, '') as note, coalesce(l.attributes, '{}') as attributes`;

/**
 * The content once sent by a device under a WhatsApp id, made again from the ledger, for a recipient whose phone could not
 * decrypt it. Undefined when the ledger has no such message.
 */
export async function contentOf(
  db: Db,
  jobs: JobContents,
  sender: { workspaceId: string; deviceId: string },
  waMessageId: string,
): Promise<OutgoingContent | undefined> {
  const found = await sql<TemplateFields & { job_id: string; content: DirectContent | null }>`
    select m.job_id, m.phone, m.content, ${templateFieldColumns}
    from broadcast_messages m left join leads l on l.id = m.lead_id
    where m.wa_message_id = ${waMessageId} and m.device_id = ${sender.deviceId} and m.workspace_id = ${sender.workspaceId}
    limit 1`.execute(db);
  const row = found.rows[0];
  if (!row) return undefined;
  const { workspaceId } = sender;
  return render(await jobs.of({ workspaceId, jobId: row.job_id, content: row.content }), row);
}
