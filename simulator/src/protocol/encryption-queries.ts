import { type BinaryNode, getBinaryNodeChild, getBinaryNodeChildren } from 'baileys';
import type { Incoming, Network } from '../network.ts';
import type { LinkedDevice } from '../phones/phone.ts';
import { bundleElements, bytesOf, element, numberOf, registrationElement } from './stanza.ts';

const PREKEYS_KEPT_MAX = 2_000;

/** Reads a `<skey>`: id, public key and signature. */
function readSignedPreKey(node: BinaryNode): LinkedDevice['keys']['signedPreKey'] {
  return {
    id: numberOf(getBinaryNodeChild(node, 'id')),
    publicKey: bytesOf(getBinaryNodeChild(node, 'value')),
    signature: bytesOf(getBinaryNodeChild(node, 'signature')),
  };
}

function takeUpload({ device, node }: Incoming): void {
  const signed =
    getBinaryNodeChild(node, 'skey') ?? getBinaryNodeChild(getBinaryNodeChild(node, 'rotate'), 'skey');
  if (signed) device.keys.signedPreKey = readSignedPreKey(signed);
  for (const key of getBinaryNodeChildren(getBinaryNodeChild(node, 'list'), 'key')) {
    if (device.preKeys.size >= PREKEYS_KEPT_MAX) break;
    device.preKeys.set(numberOf(getBinaryNodeChild(key, 'id')), bytesOf(getBinaryNodeChild(key, 'value')));
  }
}

function bundleOf({ directory }: Network, jid: string | undefined): BinaryNode | undefined {
  const recipient = directory.resolve(jid);
  if (!recipient || jid === undefined) return undefined;
  const { phone, deviceId } = recipient;
  const bundle =
    deviceId === 0 ? phone.signal.issueBundle() : phone.linkedDevices.get(deviceId)?.takeBundle();
  return (
    bundle &&
    element('user', { jid }, [registrationElement(bundle.registrationId), ...bundleElements(bundle)])
  );
}

/** Answers about prekeys: how many are left, what is stored, other devices' bundles; and takes uploads. */
export function answerEncryption(network: Network, incoming: Incoming): BinaryNode[] | undefined {
  const { device, node } = incoming;
  if (node.attrs.type === 'set') {
    takeUpload(incoming);
    return undefined;
  }
  if (getBinaryNodeChild(node, 'count')) return [element('count', { value: String(device.preKeys.size) })];
  const wanted = getBinaryNodeChild(node, 'key');
  if (wanted) {
    const bundles = getBinaryNodeChildren(wanted, 'user').map(({ attrs }) => bundleOf(network, attrs.jid));
    return [
      element(
        'list',
        {},
        bundles.filter((bundle) => bundle !== undefined),
      ),
    ];
  }
  const { registrationId, identityKey } = device.keys;
  return [element('digest', {}, [registrationElement(registrationId), element('identity', {}, identityKey)])];
}
