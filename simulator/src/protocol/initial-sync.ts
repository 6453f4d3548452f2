import { deflateSync } from 'node:zlib';
import { proto } from 'baileys';
import type { Network } from '../network.ts';
import type { LinkedDevice, Phone } from '../phones/phone.ts';
import { secondsText } from '../platform/clock.ts';
import type { ClientConnection } from '../transport/client-connection.ts';
import { encryptFor, newMessageId } from './phone-message.ts';
import { element } from './stanza.ts';

const SYNC_KEY_ID_BYTES = 6;

function keyShare(network: Network): proto.Message.IProtocolMessage {
  const keyId = network.random.bytes(SYNC_KEY_ID_BYTES);
  const keyData = network.random.bytes(32);
  return {
    type: proto.Message.ProtocolMessage.Type.APP_STATE_SYNC_KEY_SHARE,
    appStateSyncKeyShare: {
      keys: [
        {
          keyId: { keyId },
          keyData: {
            keyData,
            fingerprint: { rawId: 1, currentIndex: 0, deviceIndexes: [0] },
            timestamp: network.clock.now(),
          },
        },
      ],
    },
  };
}

function bootstrapHistory(phone: Phone): proto.Message.IProtocolMessage {
  const syncType = proto.HistorySync.HistorySyncType.INITIAL_BOOTSTRAP;
  const history = proto.HistorySync.encode({
    syncType,
    conversations: [],
    chunkOrder: 1,
    progress: 100,
    phoneNumberToLidMappings: [{ pnJid: phone.jid, lidJid: phone.lidJid }],
  }).finish();
  return {
    type: proto.Message.ProtocolMessage.Type.HISTORY_SYNC_NOTIFICATION,
    historySyncNotification: {
      syncType: proto.Message.HistorySyncType.INITIAL_BOOTSTRAP,
      initialHistBootstrapInlinePayload: deflateSync(history),
      chunkOrder: 1,
      progress: 100,
    },
  };
}

/**
 * Sends what a phone sends to a device right after linking: the key of the app state, and the history, which is empty.
 * Clients hold events back until the history has come.
 */
export async function sendInitialSync(
  network: Network,
  device: LinkedDevice,
  connection: ClientConnection,
): Promise<void> {
  const { phone } = device;
  for (const protocolMessage of [keyShare(network), bootstrapHistory(phone)]) {
    const attrs = {
      from: phone.jid,
      id: newMessageId(network),
      t: secondsText(network.clock),
      type: 'text',
      category: 'peer',
      sender_lid: phone.lidJid,
    };
    connection.send(element('message', attrs, [await encryptFor(phone, device, { protocolMessage })]));
  }
}
