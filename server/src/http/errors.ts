import type { FastifyError, FastifyInstance } from 'fastify';
import { hasZodFastifySchemaValidationErrors } from 'fastify-type-provider-zod';
import { type ErrorCode, SambadError } from '../platform/errors.ts';
import { statusOfCode } from './error-table.ts';

/** The shape of every error answer. */
export interface ErrorBody {
  error: { code: ErrorCode; message: string; details: { field?: string }; requestId: string };
}

/** Every failed request, whatever failed, is answered in one shape; what went wrong inside stays in the log. */
export function answerErrors(server: FastifyInstance): void {
  server.setErrorHandler((thrown: FastifyError, request, reply) => {
    const error = explain(thrown);
    if (error.code === 'internal') request.log.error({ err: thrown }, 'A request failed.');
    return reply.code(statusOfCode[error.code]).send(bodyOf(error, request.id));
  });
  server.setNotFoundHandler((request, reply) => {
    const error = new SambadError(
      'not_found',
      `There is nothing at ${request.method} ${request.url.split('?')[0]}.`,
    );
    return reply.code(404).send(bodyOf(error, request.id));
  });
}

function bodyOf(error: SambadError, requestId: string): ErrorBody {
  const details = error.field === undefined ? {} : { field: error.field };
  return { error: { code: error.code, message: error.message, details, requestId } };
}

function explain(thrown: FastifyError): SambadError {
  if (thrown instanceof SambadError) return thrown;
  if (hasZodFastifySchemaValidationErrors(thrown)) {
    const first = thrown.validation[0];
    const field = first?.instancePath.replace(/^\//, '').replaceAll('/', '.') ?? '';
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
