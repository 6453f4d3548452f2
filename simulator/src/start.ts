import { createRequestHandler } from './control/request-handler.ts';
import { NetworkEvents } from './events.ts';
import { FaultPlan } from './faults/fault-plan.ts';
import { MediaStore } from './media/media-store.ts';
import { MediaVerifier } from './media/media-verifier.ts';
import type { Network } from './network.ts';
import { completeBehaviour, DEFAULT_SEED, endsInFourZeros, type SimulatorOptions } from './options.ts';
import { Directory } from './phones/directory.ts';
import { createSystemClock } from './platform/clock.ts';
import { keyPairFrom } from './platform/keys.ts';
import { createRandom } from './platform/random.ts';
import { IncomingTexts } from './protocol/incoming-text.ts';
import { Pairing } from './protocol/pairing.ts';
import { StanzaRouter } from './protocol/stanza-router.ts';
import { NetworkRecord } from './record/record.ts';
import { Simulator } from './simulator.ts';
import { createServerIdentity } from './transport/certificate-chain.ts';
import { ClientConnection } from './transport/client-connection.ts';
import { listen } from './transport/listener.ts';
import { NoiseResponder } from './transport/noise.ts';

const MEDIA_BYTES_MAX = 256 * 1024 * 1024;
const EPHEMERAL_KEY_BYTES = 32;
const DEFAULT_HOST = '127.0.0.1';

function wire(options: SimulatorOptions): Network {
  const clock = createSystemClock();
  const random = createRandom(options.seed ?? DEFAULT_SEED);
  const media = new MediaStore(MEDIA_BYTES_MAX);
  return {
    clock,
    random,
    media,
    behaviour: completeBehaviour(options.behaviour),
    directory: new Directory(random, options.unregistered ?? endsInFourZeros),
    record: new NetworkRecord(),
    faults: new FaultPlan(),
    mediaVerifier: new MediaVerifier(media),
    events: new NetworkEvents(),
  };
}

/** Starts a network on localhost. Rejects when the port is taken or an option is out of range. */
export async function startSimulator(options: SimulatorOptions = {}): Promise<Simulator> {
  const { host = DEFAULT_HOST, port = 0 } = options;
  const network = wire(options);
  const server = createServerIdentity(network.random, network.clock);
  const pairing = new Pairing(network);
  const texts = new IncomingTexts(network);
  const router = new StanzaRouter(network, pairing, texts);
  const control = createRequestHandler(network);
  const listener = await listen(host, port, {
    request: control.handle,
    socket(socket, reachedAs) {
      const ephemeral = keyPairFrom(network.random.bytes(EPHEMERAL_KEY_BYTES));
      new ClientConnection(socket, new NoiseResponder(server, ephemeral), reachedAs, router);
    },
  });
  const simulator = new Simulator({
    network,
    pairing,
    texts,
    listener,
    host,
    rootPublicKey: server.rootPublicKey,
  });
  control.serve(simulator);
  return simulator;
}
