import type { FastifyInstance } from 'fastify';
import { serializerCompiler, validatorCompiler, type ZodTypeProvider } from 'fastify-type-provider-zod';
import type { HttpContext } from './context.ts';

/** A route adds itself to the server. */
export type Route = (server: RouteServer, context: HttpContext) => void;

/** The server as routes see it: what a zod schema describes is checked, and typed. */
export type RouteServer = ReturnType<typeof withSchemas>;

/** Lets a server understand zod schemas. */
export function withSchemas(server: FastifyInstance) {
  server.setValidatorCompiler(validatorCompiler);
  server.setSerializerCompiler(serializerCompiler);
  return server.withTypeProvider<ZodTypeProvider>();
}
