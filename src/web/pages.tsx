import type { Api, Application } from '../api/application.ts';
import { requestPages } from './approver/answer.tsx';
import { lockoutPages } from './approver/lockout.tsx';
import { observedPages } from './approver/observed.tsx';
import { assetOf } from './assets.ts';
import { logPages } from './auditor/log.tsx';
import { replayPages } from './auditor/replay.tsx';
import { sessionPages } from './auditor/sessions.tsx';
import { devicePages } from './device.tsx';
import { firstScreen } from './first-screen.tsx';
import { disallowedPages } from './matrix/disallowed.tsx';
import { matrixPage } from './matrix/page.tsx';
import { proposalPages } from './matrix/proposals.tsx';
import { swimlanePages } from './matrix/swimlane.tsx';
import { readerOf, rememberReader } from './reader.ts';
import { askPages } from './requester/ask.tsx';
import { grantForms } from './requester/grants.ts';
import { mePages } from './requester/me.tsx';
import { terminalSignIn } from './requester/terminal-sign-in.tsx';
import { signedInRoutes } from './routes.ts';
import { signInPages } from './sign-in.tsx';

export { renderProblem } from './problem.tsx';

/** Every page, on the server that has the API already. */
export function mountPages(server: Api, app: Application): void {
  server.use(async (c, next) => {
    rememberReader(c, () => readerOf(app, c));
    await next();
  });
  assets(server);
  signInPages(server, app);
  const routes = signedInRoutes(server, app);
  firstScreen(routes, app);
  askPages(routes, app);
  grantForms(routes, app);
  mePages(routes, app);
  terminalSignIn(routes, app);
  devicePages(server, routes, app);
  requestPages(routes, app);
  lockoutPages(routes, app);
  observedPages(routes, app);
  sessionPages(routes, app);
  replayPages(routes, app);
  logPages(routes, app);
  matrixPage(routes, app);
  swimlanePages(routes);
  proposalPages(routes, app);
  disallowedPages(routes, app);
}

function assets(server: Api): void {
  server.get('/assets/:name', async (c, next) => {
    const asset = await assetOf(c.req.param('name'));
    if (!asset) return next();
    const packed = /\bbr\b/.test(c.req.header('accept-encoding') ?? '');
    const { type, plain, brotli, version } = asset;
    // Only under the address that names this very content does it never change.
    const named = c.req.query('v') === version;
    return c.body(new Uint8Array(packed ? brotli : plain), 200, {
      'content-type': type,
      'cache-control': named ? 'public, max-age=31536000, immutable' : 'no-cache',
      vary: 'accept-encoding',
      ...(packed ? { 'content-encoding': 'br' } : {}),
    });
  });
}
