import { proto } from 'baileys';
import type { Clock } from '../platform/clock.ts';
import { type IdentityKeyPair, identityFrom } from '../platform/keys.ts';
import type { Random } from '../platform/random.ts';

const DAY_SECONDS = 24 * 60 * 60;
const VALID_BEFORE_SECONDS = DAY_SECONDS;
const VALID_FOR_SECONDS = 365 * DAY_SECONDS;
const ROOT_SERIAL = 0;
const INTERMEDIATE_SERIAL = 1;
const LEAF_SERIAL = 2;

/** What the network shows of itself in the handshake. */
export interface ServerIdentity {
  /** The 32 bytes a client must trust. */
  readonly rootPublicKey: Buffer;
  /** The Noise static key pair, certified by the chain. */
  readonly staticKey: IdentityKeyPair;
  /** The encoded certificate chain: leaf signed by the intermediate key, intermediate signed by the root. */
  readonly certificateChain: Uint8Array;
}

/** Derives root, intermediate and static key from the seed and certifies them for a year around now. */
export function createServerIdentity(random: Random, clock: Clock): ServerIdentity {
  const root = identityFrom(random.derive('noise root'));
  const intermediate = identityFrom(random.derive('noise intermediate'));
  const staticKey = identityFrom(random.derive('noise static'));
  const nowSeconds = Math.floor(clock.now() / 1000);
  const validity = { notBefore: nowSeconds - VALID_BEFORE_SECONDS, notAfter: nowSeconds + VALID_FOR_SECONDS };
  const { Details } = proto.CertChain.NoiseCertificate;
  const certify = (serial: number, issuerSerial: number, key: Buffer, issuer: IdentityKeyPair) => {
    const details = Details.encode({ serial, issuerSerial, key, ...validity }).finish();
    return { details, signature: issuer.sign(details) };
  };
  const certificateChain = proto.CertChain.encode({
    leaf: certify(LEAF_SERIAL, INTERMEDIATE_SERIAL, staticKey.public, intermediate),
    intermediate: certify(INTERMEDIATE_SERIAL, ROOT_SERIAL, intermediate.public, root),
  }).finish();
  return { rootPublicKey: root.public, staticKey, certificateChain };
}
