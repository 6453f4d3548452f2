import {
  getWAUploadToServer,
  type proto,
  type SocketConfig,
  type UserFacingSocketConfig,
  type WASocket,
} from 'baileys';
import type { Clock } from '../../platform/clock.ts';
import type { Cipher } from '../../platform/encryption.ts';
import type { OutgoingContent } from '../client.ts';
import type { KeyOwner } from './key-group.ts';
import { MediaHosts } from './media-hosts.ts';
import type { MediaUploads, Uploader } from './media-uploads.ts';
import { buildMessage } from './message-content.ts';

export interface ContentBuilderOptions {
  clock: Clock;
  owner: KeyOwner;
  cipher: Cipher;
  accountSecret: string;
  media: MediaUploads;
}

/** Builds the messages of one connection; its socket, which media travel through, is attached once it exists. */
export class ContentBuilder {
  readonly #options: ContentBuilderOptions;
  #uploader: Uploader | undefined;

  constructor(options: ContentBuilderOptions) {
    this.#options = options;
  }

  attach(socket: WASocket, config: UserFacingSocketConfig): void {
    const { owner, cipher, clock } = this.#options;
    const hosts = new MediaHosts(socket, clock);
    const uploadConfig = {
      customUploadHosts: [],
      options: {},
      ...config,
    } as Partial<SocketConfig> as SocketConfig;
    this.#uploader = {
      owner,
      cipher,
      upload: getWAUploadToServer(uploadConfig, (again) => hosts.get(again)),
    };
  }

  /** The message for a content; uploads its media when that has not been done. */
  build(content: OutgoingContent, waMessageId: string): Promise<proto.IMessage> {
    const { accountSecret, media } = this.#options;
    const uploader = this.#uploader;
    if (!uploader) return Promise.reject(new Error('There is no socket to upload through.'));
    return buildMessage(content, {
      waMessageId,
      accountSecret,
      upload: (source) => media.image(uploader, source),
    });
  }
}
