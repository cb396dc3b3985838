import type { Application } from '../../api/application.ts';
import { endGrantFor } from '../../api/grants.ts';
import { Refused } from '../../elevation/contract.ts';
import { readForm } from '../forms.ts';
import { safeReturn } from '../return-to.ts';
import type { SignedInRoutes } from '../routes.ts';

/** Ending a grant, by its holder or by those whose estate it is; either way the page that asked is shown again. */
export function grantForms(routes: SignedInRoutes, app: Application): void {
  for (const [verb, reason] of [
    ['revoke', 'revoked'],
    ['handback', 'handed-back'],
  ] as const) {
    routes.post(`/grants/:id/${verb}`, async (c, reader) => {
      const id = c.req.param('id') ?? '';
      if (!/^g_[0-9a-z]{1,40}$/.test(id))
        throw new Refused('no-such-grant', 'There is no such grant for you to end.', 404);
      await endGrantFor(app, reader.person, id, reason);
      return c.redirect(safeReturn((await readForm(c)).return_to), 303);
    });
  }
}
