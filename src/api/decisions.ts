import { createRoute } from '@hono/zod-openapi';
import { assess } from '../elevation/assess.ts';
import { type Api, type Application, membershipsOf, pickTarget } from './application.ts';
import { askOf, body, decisionShape, json, questionShape, refusals } from './shapes.ts';
import { signedIn } from './signed-in.ts';

const dryRun = createRoute({
  method: 'post',
  path: '/decisions',
  summary:
    'What the answer would be; nothing is asked for and nothing recorded. `at` is both now and the start',
  request: { body: body(questionShape) },
  responses: { 200: json(decisionShape, 'The answer, yes or no'), ...refusals },
});

export function decisionRoutes(api: Api, app: Application): void {
  api.openapi(dryRun, async c => {
    const { person } = signedIn(c);
    const asked = c.req.valid('json');
    const place = pickTarget(await membershipsOf(app, person), asked.target, asked.tenant);
    const ask = askOf(asked, place);
    const { decision } = await app.commit(place.tenant, async (look, outside) => ({
      result: await assess(look, place.tenant, person, ask, ask.startsAt ?? outside.now),
    }));
    return c.json(decision, 200);
  });
}
