import { raw } from 'hono/html';
import { pickTenant } from '../../api/application.ts';
import { cellsOf } from '../../domain/cell.ts';
import { visible } from '../../domain/visible-text.ts';
import { Refused } from '../../elevation/contract.ts';
import { placedFindings } from '../../matrices/placed-findings.ts';
import { drawingOf, stripDrawing } from '../../matrices/swimlane/drawing.ts';
import { type Layout, layoutOf } from '../../matrices/swimlane/layout.ts';
import { Page, pathOf, respond } from '../layout.tsx';
import type { Reader } from '../reader.ts';
import type { SignedInRoutes } from '../routes.ts';
import { MatrixTabs, OtherEngagements } from './tabs.tsx';

/** Wider than this, a drawing keeps its size and scrolls, else its words would be too small. */
const FITS_A_DESK = 1700;

/** Of a matrix with more activities the page shows one service at a time; the file has them all. */
const AT_ONCE = 200;

/** `/matrix/swimlane`, the drawing on a page; `/matrix/swimlane.svg`, the same as a file to keep. */
export function swimlanePages(routes: SignedInRoutes): void {
  routes.get('/matrix/swimlane', (c, reader) => {
    const { tenant, engagement, service } = chosen(reader, c.req.query('tenant'), c.req.query('service'));
    const { services } = engagement.matrix;
    const first = cellsOf(engagement).length > AT_ONCE ? (Object.keys(services)[0] ?? null) : null;
    const drawn: Drawn = {
      tenant,
      service: service ?? first,
      alone: first !== null,
      services: Object.entries(services).map(([name, { label }]) => [name, label ?? name] as const),
      layout: layoutOf(engagement, placedFindings(engagement, reader.now.getTime()), service ?? first),
    };
    return respond(c, <SwimlanePage reader={reader} path={pathOf(c)} {...drawn} />);
  });
  routes.get('/matrix/swimlane.svg', (c, reader) => {
    const { tenant, engagement, service } = chosen(reader, c.req.query('tenant'), c.req.query('service'));
    const layout = layoutOf(engagement, placedFindings(engagement, reader.now.getTime()), service);
    return c.body(drawingOf(layout), 200, {
      'content-type': 'image/svg+xml; charset=utf-8',
      // To keep, not to open: as a page of ours its style would be refused.
      'content-disposition': `attachment; filename="${tenant}-${engagement.digest.slice(0, 12)}.svg"`,
    });
  });
}

/** @throws Refused `no-such-tenant`, `no-such-service` */
function chosen({ memberships }: Reader, wanted: string | undefined, named: string | undefined) {
  const { tenant, engagement } = pickTenant(memberships, wanted ?? memberships[0]?.tenant);
  const service = named || null;
  if (service !== null && !Object.hasOwn(engagement.matrix.services, service)) {
    throw new Refused('no-such-service', `The matrix of ${tenant} has no service "${service}".`, 404);
  }
  return { tenant, engagement, service };
}

interface Drawn {
  readonly tenant: string;
  readonly layout: Layout;
  readonly service: string | null;
  /** There are too many to show all of them. */
  readonly alone: boolean;
  readonly services: readonly (readonly [name: string, label: string])[];
}

interface Props extends Drawn {
  readonly reader: Reader;
  readonly path: string;
}

function SwimlanePage({ reader, path, tenant, layout, service, alone, services }: Props) {
  const query = `tenant=${encodeURIComponent(tenant)}${service === null ? '' : `&service=${encodeURIComponent(service)}`}`;
  return (
    <Page
      title={`Swimlane of ${tenant}`}
      reader={reader}
      now={reader.now}
      path={path}
      styles={['swimlane.css']}
    >
      <h1>
        Who does what in <code>{tenant}</code>
      </h1>
      <MatrixTabs tenant={tenant} here="/swimlane" />
      <OtherEngagements
        tenants={reader.memberships.map(one => one.tenant)}
        here={tenant}
        path="/matrix/swimlane"
      />
      <p class="muted no-print">
        Each column is a squad, each row an activity, read from above: who asks, who answers, who is told. On
        a small screen it scrolls sideways; one service alone is narrower. The same in words is{' '}
        <a href={`/matrix?tenant=${encodeURIComponent(tenant)}`}>the grid</a>.
      </p>
      <div class="buttons no-print">
        <form method="get" action="/matrix/swimlane" class="inline">
          <input type="hidden" name="tenant" value={tenant} />
          <label>
            Show{' '}
            <select name="service">
              {alone ? null : <option value="">all services</option>}
              {services.map(([name, label]) => (
                <option value={name} selected={name === service}>
                  {visible(label)}
                </option>
              ))}
            </select>
          </label>
          <button type="submit" class="small outline">
            Show
          </button>
        </form>
        <a class="button small outline" href={`/matrix/swimlane.svg?${query}`} download>
          Keep as SVG
        </a>
        <span class="muted">To print: landscape; pages break between services.</span>
      </div>
      <section
        class={`lanes${layout.width > FITS_A_DESK ? ' broad' : ''}`}
        aria-label="The drawing"
        tabindex={0}
      >
        {layout.strips.map(strip => (
          <figure>{raw(stripDrawing(layout.width, strip))}</figure>
        ))}
      </section>
    </Page>
  );
}
