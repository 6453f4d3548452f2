import { Queue, Worker } from 'bullmq';
import { type Timed, timed } from './alternate.ts';

const concurrency = 200;
const addedTogether = 2_000;

/** What a message needs to be sent; our rows hold more. */
interface Payload {
  device: number;
  phone: string;
}

/**
 * Adds `jobs` jobs to a queue of BullMQ, in bulks, and processes each with nothing to do, two hundred at a time. Adding and processing
 * overlap, and the time runs until the last one is done.
 */
export async function addAndProcess(
  socketPath: string,
  jobs: number,
  devices: number,
  name: string,
): Promise<Timed> {
  const connection = { path: socketPath, maxRetriesPerRequest: null };
  const queue = new Queue<Payload>(name, {
    connection,
    defaultJobOptions: { removeOnComplete: true, removeOnFail: true },
  });
  const allDone = Promise.withResolvers<void>();
  let done = 0;
  const worker = new Worker<Payload>(name, async () => undefined, { connection, concurrency });
  worker.on('completed', () => {
    done += 1;
    if (done === jobs) allDone.resolve();
  });
  worker.on('error', (error) => allDone.reject(error));
  worker.on('failed', (_job, error) => allDone.reject(error));
  try {
    await Promise.all([queue.waitUntilReady(), worker.waitUntilReady()]);
    return await timed(() => Promise.all([addAll(queue, jobs, devices), allDone.promise]));
  } finally {
    await worker.close();
    await queue.close();
  }
}

async function addAll(queue: Queue<Payload>, jobs: number, devices: number): Promise<void> {
  for (let first = 0; first < jobs; first += addedTogether) {
    const length = Math.min(addedTogether, jobs - first);
    const bulk = Array.from({ length }, (_, place) => ({
      name: 'message',
      data: { device: (first + place) % devices, phone: String(60_130_000_000 + first + place) },
    }));
    await queue.addBulk(bulk);
  }
}
