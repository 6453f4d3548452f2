import { prepareWAMessageMedia, proto, type WAMediaUploadFunction } from 'baileys';
import { sql } from 'kysely';
import type { Db } from '../../database/index.ts';
import type { Clock } from '../../platform/clock.ts';
import type { Cipher } from '../../platform/encryption.ts';
import { messageOf } from '../../platform/errors.ts';
import type { Logger } from '../../platform/logger.ts';
import type { MediaSource } from '../client.ts';
import { BoundedCache } from './bounded-cache.ts';
import { type KeyOwner, sealContext } from './key-group.ts';

/** WhatsApp's hosts keep an upload for a time it does not tell; after this a new one is made. */
const ageMaxMs = 7 * 24 * 60 * 60 * 1000;
const uploadTimeoutMs = 60_000;
const rememberedMax = 500;

/** The media could not be loaded or uploaded. */
export class MediaUploadFailed extends Error {}

export interface Uploader {
  owner: KeyOwner;
  cipher: Cipher;
  upload: WAMediaUploadFunction;
}

interface Upload {
  image: proto.Message.IImageMessage;
  uploadedAt: Date;
}

export interface MediaUploadsOptions {
  db: Db;
  clock: Clock;
  logger: Logger;
}

/**
 * Uploads each medium once per device and remembers the reference (with its decryption key, so it is stored sealed).
 * Sends that need the same medium at the same time share one upload.
 */
export class MediaUploads {
  readonly #options: MediaUploadsOptions;
  readonly #uploads: BoundedCache<Promise<Upload>>;

  constructor(options: MediaUploadsOptions) {
    this.#options = options;
    this.#uploads = new BoundedCache(options.clock, { entriesMax: rememberedMax });
  }

  /** The image message without a caption. Throws `MediaUploadFailed`. */
  async image(uploader: Uploader, media: MediaSource): Promise<proto.Message.IImageMessage> {
    const name = `${uploader.owner.deviceId} ${media.mediaId}`;
    const known = await this.#uploads.get(name);
    if (known && this.#isFresh(known)) return known.image;
    // Another send may have begun an upload while this one waited for a reference that turned out too old.
    const begun = this.#uploads.get(name);
    const current = begun && (await begun) !== known ? begun : this.#remember(name, uploader, media);
    return (await current).image;
  }

  forget(deviceId: string): void {
    this.#uploads.deleteWhere((name) => name.startsWith(`${deviceId} `));
  }

  #remember(name: string, uploader: Uploader, media: MediaSource): Promise<Upload> {
    const upload = this.#loadOrUpload(uploader, media);
    this.#uploads.set(name, upload);
    upload.catch(() => this.#uploads.delete(name));
    return upload;
  }

  async #loadOrUpload(uploader: Uploader, media: MediaSource): Promise<Upload> {
    try {
      const stored = await this.#load(uploader, media.mediaId);
      if (stored && this.#isFresh(stored)) return stored;
      const upload = { image: await uploadImage(uploader, media), uploadedAt: this.#options.clock.now() };
      await this.#store(uploader, media.mediaId, upload);
      return upload;
    } catch (error) {
      throw new MediaUploadFailed(`The image could not be uploaded: ${messageOf(error)}`, { cause: error });
    }
  }

  #isFresh(upload: Upload): boolean {
    return this.#options.clock.now().getTime() - upload.uploadedAt.getTime() < ageMaxMs;
  }

  async #load({ owner, cipher }: Uploader, mediaId: string): Promise<Upload | undefined> {
    const row = await this.#options.db
      .selectFrom('device_media_uploads')
      .select(['sealed', 'uploaded_at'])
      .where('device_id', '=', owner.deviceId)
      .where('media_id', '=', mediaId)
      .executeTakeFirst();
    if (!row) return undefined;
    const bytes = cipher.open(sealContext(owner.deviceId, 'media', mediaId), row.sealed);
    return { image: proto.Message.ImageMessage.decode(bytes), uploadedAt: row.uploaded_at };
  }

  /** Without the row the upload still serves this process; only a restart would make another. */
  async #store({ owner, cipher }: Uploader, mediaId: string, upload: Upload): Promise<void> {
    const bytes = proto.Message.ImageMessage.encode(upload.image).finish();
    const sealed = cipher.seal(sealContext(owner.deviceId, 'media', mediaId), bytes);
    await sql`
      insert into device_media_uploads (device_id, media_id, workspace_id, sealed, uploaded_at)
      select device_id, ${mediaId}::uuid, workspace_id, ${sealed}::bytea, ${upload.uploadedAt}::timestamptz
      from device_leases where device_id = ${owner.deviceId}::uuid and epoch = ${owner.epoch}
      on conflict (device_id, media_id) do update
        set sealed = excluded.sealed, uploaded_at = excluded.uploaded_at
    `
      .execute(this.#options.db)
      .catch((error: unknown) => {
        this.#options.logger.warn({ detail: messageOf(error) }, 'An upload could not be remembered.');
      });
  }
}

/** Width, height and thumbnail are added by Baileys when an image library is installed; it does without otherwise. */
async function uploadImage(uploader: Uploader, media: MediaSource): Promise<proto.Message.IImageMessage> {
  const bytes = await media.load();
  const prepared = await prepareWAMessageMedia(
    { image: bytes, mimetype: media.mimeType },
    { upload: uploader.upload, mediaUploadTimeoutMs: uploadTimeoutMs },
  );
  if (!prepared.imageMessage) throw new Error('No image message was made.');
  return prepared.imageMessage;
}
