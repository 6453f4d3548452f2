import { type FastifyInstance, fastify } from 'fastify';
import { SambadError, systemCodeOf } from '../platform/errors.ts';
import type { Service } from '../platform/lifecycle.ts';
import type { Logger } from '../platform/logger.ts';
import type { HttpContext } from './context.ts';
import { answerBrokenRequest, answerError, answerErrors } from './errors.ts';
import { allowLocalOnly } from './local-only.ts';
import { withSchemas } from './route.ts';
import { routes } from './routes/index.ts';

export interface HttpServerOptions {
  host: string;
  /** 0 for any free port. */
  port: number;
  logger: Logger;
  context: HttpContext;
}

const bodyBytesMax = 1024 * 1024;

/** The HTTP server with all routes. */
export class HttpServer implements Service {
  readonly #options: HttpServerOptions;
  readonly #server: FastifyInstance;

  constructor(options: HttpServerOptions) {
    this.#options = options;
    this.#server = fastify({
      loggerInstance: quieter(options.logger),
      bodyLimit: bodyBytesMax,
      forceCloseConnections: true,
      frameworkErrors: answerError,
      clientErrorHandler: answerBrokenRequest,
    }) as unknown as FastifyInstance;
    allowLocalOnly(this.#server);
    answerErrors(this.#server);
    const server = withSchemas(this.#server);
    for (const route of routes) route(server, options.context);
  }

  /** Where it listens; known once it has started. */
  get url(): string {
    const address = this.#server.server.address();
    const port = typeof address === 'object' && address ? address.port : this.#options.port;
    const { host } = this.#options;
    return `http://${host.includes(':') ? `[${host}]` : host}:${port}`;
  }

  async start(): Promise<void> {
    const { host, port } = this.#options;
    try {
      await this.#server.listen({ host, port });
    } catch (error) {
      const code = systemCodeOf(error);
      if (code === 'EADDRINUSE') {
        throw new SambadError(
          'port_taken',
          `Port ${port} on ${host} is in use: set APP_PORT to another one, or stop the program that has it.`,
        );
      }
      if (code === 'EACCES')
        throw new SambadError(
          'port_taken',
          `Port ${port} may not be opened by this account: set APP_PORT to one above 1023.`,
        );
      throw error;
    }
  }

  async stop(): Promise<void> {
    await this.#server.close();
  }
}

/** Each request is worth a line only when something is wrong with it. */
function quieter(logger: Logger): Logger {
  return logger.isLevelEnabled('warn') ? logger.child({}, { level: 'warn' }) : logger;
}
