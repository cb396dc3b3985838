import { createHash, timingSafeEqual } from 'node:crypto';
import { Refused } from '../elevation/contract.ts';
import { CONTENT_TYPE } from '../vitals/exposition.ts';
import type { Api, Application } from './application.ts';

/**
 * `/metrics` for whoever holds the token of the setting `metrics`. Without that setting there is nothing here: where
 * a request comes from says nothing behind a reverse proxy, so no address is trusted by itself.
 */
export function metricsRoutes(server: Api, app: Application): void {
  const { metricsToken } = app;
  if (metricsToken === null) return;
  const expected = digestOf(`Bearer ${metricsToken}`);
  server.get('/metrics', async c => {
    if (!timingSafeEqual(digestOf(c.req.header('authorization') ?? ''), expected)) {
      c.header('www-authenticate', 'Bearer');
      throw new Refused('token-refused', 'The numbers are for whoever holds the token of `metrics`.', 401);
    }
    return c.body(await app.numbers.scrape(), 200, { 'content-type': CONTENT_TYPE });
  });
}

const digestOf = (text: string): Buffer => createHash('sha256').update(text).digest();
