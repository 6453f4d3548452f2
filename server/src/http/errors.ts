import type { Socket } from 'node:net';
import type { FastifyError, FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { hasZodFastifySchemaValidationErrors } from 'fastify-type-provider-zod';
import { type ErrorCode, SambadError } from '../platform/errors.ts';
import { statusOfCode } from './error-table.ts';

/** The shape of every error answer. */
export interface ErrorBody {
  error: { code: ErrorCode; message: string; details: { field?: string }; requestId: string };
}

/** Every failed request, whatever failed, is answered in one shape; what went wrong inside stays in the log. */
export function answerErrors(server: FastifyInstance): void {
  server.setErrorHandler(answerError);
  server.setNotFoundHandler((request, reply) => {
    const error = new SambadError(
      'not_found',
      `There is nothing at ${request.method} ${request.url.split('?')[0]}.`,
    );
    return reply.code(404).send(bodyOf(error, request.id));
  });
}

/** Answers a request that failed. */
export function answerError(
  thrown: FastifyError,
  request: FastifyRequest,
  reply: FastifyReply,
): FastifyReply {
  const error = explain(thrown);
  if (error.code === 'internal') request.log.error({ err: thrown }, 'A request failed.');
  return reply.code(statusOfCode[error.code]).send(bodyOf(error, request.id));
}

/** Answers bytes that are no HTTP request, or one whose headers are too large; there is no request to speak of. */
export function answerBrokenRequest(thrown: NodeJS.ErrnoException, socket: Socket): void {
  if (thrown.code === 'ECONNRESET' || !socket.writable) {
    socket.destroy();
    return;
  }
  const status =
    thrown.code === 'HPE_HEADER_OVERFLOW' ? '431 Request Header Fields Too Large' : '400 Bad Request';
  const body = JSON.stringify(bodyOf(new SambadError('bad_input', 'This is not an HTTP request.'), ''));
  const head = ['content-type: application/json', `content-length: ${body.length}`, 'connection: close'];
  socket.end(`HTTP/1.1 ${status}\r\n${head.join('\r\n')}\r\n\r\n${body}`);
}

function bodyOf(error: SambadError, requestId: string): ErrorBody {
  const details = error.field === undefined ? {} : { field: error.field };
  return { error: { code: error.code, message: error.message, details, requestId } };
}

function explain(thrown: FastifyError): SambadError {
  if (thrown instanceof SambadError) return thrown;
  if (hasZodFastifySchemaValidationErrors(thrown)) {
    const first = thrown.validation[0];
    const field = first ? fieldOf(first) : '';
    const subject = field === '' ? `The ${thrown.validationContext ?? 'request'}` : field;
    return new SambadError(
      'bad_input',
      `${subject}: ${first?.message ?? 'is not valid'}.`,
      field === '' ? {} : { field },
    );
  }
  if (thrown.statusCode === 413) return new SambadError('too_large', 'The request is too large.');
  // Fastify's own refusals: a body that is no JSON, an unknown content type.
  if (thrown.statusCode !== undefined && thrown.statusCode < 500)
    return new SambadError('bad_input', thrown.message);
  return new SambadError(
    'internal',
    'Something went wrong here; the log has the details under this request id.',
  );
}

/** The field that a failed check is about: where it stands, and for one that nobody knows its name. */
function fieldOf({
  instancePath,
  params,
}: {
  instancePath: string;
  params: Record<string, unknown>;
}): string {
  const path = instancePath.split('/').filter((part) => part !== '');
  const { keys } = params;
  return [...path, ...(Array.isArray(keys) ? keys.slice(0, 1) : [])].join('.');
}
