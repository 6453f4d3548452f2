export { createMetrics, type Metrics } from './metrics.ts';
export { HttpServer } from './server.ts';
