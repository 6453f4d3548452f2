import type { IncomingMessage } from 'node:http';

/** The request is the caller's mistake; `message` is a sentence for them. */
export class BadRequest extends Error {
  readonly status: number;

  constructor(message: string, status = 400) {
    super(message);
    this.name = 'BadRequest';
    this.status = status;
  }
}

/** Reads a request body of at most `bytesMax`. Throws {@link BadRequest} 413 beyond. */
export async function readBody(request: IncomingMessage, bytesMax: number): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of request) {
    length += (chunk as Buffer).length;
    if (length > bytesMax) throw new BadRequest(`the body is larger than ${bytesMax} bytes`, 413);
    chunks.push(chunk as Buffer);
  }
  return Buffer.concat(chunks);
}
