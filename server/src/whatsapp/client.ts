/**
 * The port between Sambad and a WhatsApp client library. The engine and the devices slice need these ten methods and
 * one union of events, and nothing else of WhatsApp.
 */

/** Opens connections for devices. One adapter per client library. */
export interface WhatsApp {
  connect(options: ConnectOptions): Promise<Connection>;
  /** Forgets the credentials and Signal keys of a device: it must be paired again. */
  forget(device: DeviceIdentity): Promise<void>;
  /** Whether the device holds credentials that WhatsApp once accepted. */
  isPaired(device: DeviceIdentity): Promise<boolean>;
}

export interface DeviceIdentity {
  workspaceId: string;
  deviceId: string;
}

export interface ConnectOptions extends DeviceIdentity {
  /** The fencing epoch under which credentials and keys are written. */
  epoch: number;
  /** Asked right before bytes go to the socket; false stops the write and the connection. */
  mayWrite(): boolean;
  /** Called in order, never concurrently with itself, never after `closed`. It must not throw. */
  onEvent(event: ConnectionEvent): void;
  /** The content once sent under this id, for a recipient that could not decrypt it. Undefined when unknown. */
  contentOf(waMessageId: string): Promise<OutgoingContent | undefined>;
}

/** One socket, from its opening to its end. After `closed` a new one is made. */
export interface Connection {
  /**
   * Encrypts and writes one message. Resolves with what is known at that point; never rejects. The server may have
   * acknowledged the message before.
   */
  send(message: OutgoingMessage): Promise<WriteResult>;
  /** Asks which numbers are on WhatsApp. Every number gets an answer; rejects when the network gave none. */
  checkNumbers(phones: readonly string[]): Promise<NumberCheck[]>;
  /** Unlinks the device on the phone's side, then closes. */
  logout(): Promise<void>;
  /** Closes the socket; resolves when it is closed. Safe twice. */
  close(): Promise<void>;
}

/** What to send. `waMessageId` is chosen by the caller, and a resend carries the same one. */
export interface OutgoingMessage {
  waMessageId: string;
  /** The recipient's canonical JID, from a number check. */
  jid: string;
  content: OutgoingContent;
}

export type OutgoingContent =
  | { kind: 'text'; text: string }
  | { kind: 'image'; caption: string; media: MediaSource };

/** Media by reference: an adapter uploads it once per device and reuses the upload while it is valid. */
export interface MediaSource {
  mediaId: string;
  mimeType: string;
  load(): Promise<Buffer>;
}

export type WriteResult =
  /** The bytes went to the socket: wait for `acknowledged` or `refused`. */
  | { kind: 'written' }
  /** Certain that nothing reached the socket. */
  | { kind: 'not_written'; reason: NotWrittenReason }
  /** Whether the bytes went out cannot be told: treat the message as unconfirmed. */
  | { kind: 'unknown'; detail: string };

export type NotWrittenReason =
  /** The socket was closed or closing. */
  | 'offline'
  /** `mayWrite` said no. */
  | 'lease_lost'
  /** The server asked to slow down. */
  | 'rate_limited'
  /** The media could not be uploaded. */
  | 'media_upload'
  /** The recipient's keys could not be had, so there was nothing to encrypt to. */
  | 'no_recipient_keys';

export interface NumberCheck {
  phone: string;
  onWhatsApp: boolean;
  /** The canonical JID; present when the number is on WhatsApp. */
  jid?: string;
}

export type ConnectionEvent =
  /** A code for the phone to scan, until the next one or `expiresInMs`. */
  | { kind: 'qr'; code: string; expiresInMs: number }
  /** The phone confirmed the link. The socket closes next with `restart_required`. */
  | { kind: 'paired'; account: Account }
  /** Logged in and ready to send. */
  | { kind: 'open'; account: Account }
  /** WhatsApp's server accepted the message with this id. */
  | { kind: 'acknowledged'; waMessageId: string }
  /** WhatsApp's server refused the message with this id; the code is WhatsApp's. */
  | { kind: 'refused'; waMessageId: string; code: number }
  /** A recipient's phone received or showed the messages with these ids. */
  | { kind: 'receipt'; waMessageIds: string[]; receipt: 'delivered' | 'read' }
  /** A person wrote to this number. */
  | { kind: 'incoming'; waMessageId: string; from: IncomingSender; text: string | undefined; at: Date }
  /** The queue of what happened while offline has been delivered. */
  | { kind: 'offline_drained' }
  /** The end of this connection; nothing follows. */
  | { kind: 'closed'; reason: CloseReason; code: number | undefined };

export interface IncomingSender {
  jid: string;
  /** The other identifier of the same person (LID for a phone JID, or the reverse), where the stanza carried it. */
  alternateJid: string | undefined;
  pushName: string | undefined;
}

/** The WhatsApp account that a device is linked to. */
export interface Account {
  /** Digits with calling code, no plus sign. */
  phone: string;
  /** The linked device's own JID, such as 60123456789:4@s.whatsapp.net. */
  jid: string;
  lid: string | undefined;
  pushName: string | undefined;
}

/** Why a connection ended. wa-protocol: the disconnect codes of Baileys 7. */
export type CloseReason =
  /** 515: connect again at once with the same credentials; part of pairing. */
  | 'restart_required'
  /** 401: the phone removed this linked device. Final until it is paired again. */
  | 'logged_out'
  /** 440: another socket took this session. Final until a person reconnects. */
  | 'replaced'
  /** 403: the account may not connect. Final. */
  | 'forbidden'
  /** 408 before pairing: nobody scanned the codes. */
  | 'pairing_expired'
  /** 408, 428, 503 and anything unknown: try again with backoff. */
  | 'connection_lost'
  /** We closed it. */
  | 'requested';
