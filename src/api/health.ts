import type { Api, Application } from './application.ts';

/** `/healthz`: the process answers. `/readyz`: it could open a session now, recording and log included. */
export function healthRoutes(server: Api, app: Application): void {
  server.get('/healthz', c => c.json({ ok: true }, 200));
  server.get('/readyz', async c => {
    const ailments = await app.readiness.ailments();
    return c.json({ ready: ailments.length === 0, ailments }, ailments.length === 0 ? 200 : 503);
  });
}
