import type { Route } from '../../route.ts';

/** What this server can be asked, for whoever opens its address. */
export const showStart: Route = (server) => {
  server.get('/', async () => ({
    name: 'Sambad',
    devices: '/api/devices',
    link: 'POST /api/devices, then /app/qr?deviceId=ID&format=text',
    campaigns: '/api/campaigns',
    health: '/readyz',
    metrics: '/metrics',
  }));
};
