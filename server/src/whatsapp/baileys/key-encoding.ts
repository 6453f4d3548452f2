import { BufferJSON, proto } from 'baileys';

/** Credentials and Signal keys as JSON text; bytes travel as base64 in Baileys' own notation. */
export function encodeKey(value: unknown): string {
  return JSON.stringify(value, BufferJSON.replacer);
}

/**
 * The value behind `encodeKey`, always a fresh object: Baileys changes some values in place (device lists), which must
 * not reach a cache. App state keys are protobuf messages and are made into one again.
 */
export function decodeKey(type: string, text: string): unknown {
  const value: unknown = JSON.parse(text, BufferJSON.reviver);
  if (type === 'app-state-sync-key' && typeof value === 'object' && value !== null) {
    return proto.Message.AppStateSyncKeyData.fromObject(value);
  }
  return value;
}
