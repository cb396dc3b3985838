import type { Application, Membership } from '../../api/application.ts';
import { pickTenant } from '../../api/application.ts';
import { mayReadLog } from '../../domain/permission.ts';
import { shortened, visible } from '../../domain/visible-text.ts';
import { Refused } from '../../elevation/contract.ts';
import { lengthOf, recentEntries } from '../../store/log.ts';
import { Page, pathOf, respond } from '../layout.tsx';
import { Copy, Empty, Moment, PartyChip, partySide } from '../parts.tsx';
import { type Directory, directoryOf } from '../people.ts';
import type { Reader } from '../reader.ts';
import type { SignedInRoutes } from '../routes.ts';
import { zonedWords } from '../time-words.ts';
import { KNOWN_ACTIONS, type Saying, sentenceOf } from './sentences.ts';

const A_PAGE = 50;

interface Shown {
  readonly seq: number;
  readonly at: Date;
  readonly action: string;
  readonly actor: string;
  readonly subject: string;
  readonly line: string;
}

interface Filter {
  readonly subject: string | undefined;
  readonly action: string | undefined;
  readonly before: number | undefined;
}

/** `/log`: what happened, and how to know that this is all of it. */
export function logPages(routes: SignedInRoutes, app: Application): void {
  routes.get('/log', async (c, reader) => {
    const readable = reader.memberships.filter(({ engagement, member }) => mayReadLog(engagement, member));
    const { tenant, ...query } = c.req.query();
    if (reader.memberships.length > 0 && readable.length === 0) {
      throw new Refused('not-yours', 'The log is for those who are in a squad of the engagement.', 403);
    }
    // With several, the first is shown and the others are a click away.
    const membership = pickTenant(readable, tenant ?? readable[0]?.tenant);
    const filter: Filter = {
      subject: query.subject?.trim().slice(0, 200) || undefined,
      action: query.action || undefined,
      before: /^\d{1,15}$/.test(query.before ?? '') ? Number(query.before) : undefined,
    };
    const [entries, directory, size, key, checkpoint] = await Promise.all([
      recentEntries(app.database, membership.tenant, filter, A_PAGE),
      directoryOf(app, membership.engagement),
      lengthOf(app.database, membership.tenant),
      app.logKey(membership.tenant),
      app.checkpoint(membership.tenant),
    ]);
    return respond(
      c,
      <Page title="Log" reader={reader} now={reader.now} path={pathOf(c)}>
        <h1>
          Log of <code>{membership.tenant}</code>
        </h1>
        {readable.length > 1 ? <Others of={readable} now={membership.tenant} /> : null}
        <Search membership={membership} filter={filter} />
        <Entries entries={entries} directory={directory} membership={membership} reader={reader} />
        <Older entries={entries} membership={membership} filter={filter} />
        <Verify tenant={membership.tenant} size={size} vkey={key.vkey} note={checkpoint?.note ?? null} />
      </Page>,
    );
  });
}

const Others = ({ of, now }: { of: readonly Membership[]; now: string }) => (
  <nav aria-label="Engagements">
    {of
      .filter(({ tenant }) => tenant !== now)
      .map(({ tenant }) => (
        <a href={`/log?tenant=${encodeURIComponent(tenant)}`}>{tenant}</a>
      ))}
  </nav>
);

function Search({ membership, filter }: { membership: Membership; filter: Filter }) {
  return (
    <search>
      <form method="get" action="/log" class="search">
        <input type="hidden" name="tenant" value={membership.tenant} />
        <label>
          About, by id
          <input
            name="subject"
            value={filter.subject ?? ''}
            placeholder="req_…, g_…, s_…, p_…, target:db01"
            maxlength={200}
          />
        </label>
        <label>
          What
          <select name="action">
            <option value="">everything</option>
            {KNOWN_ACTIONS.map(action => (
              <option value={action} {...(filter.action === action ? { selected: true } : {})}>
                {action}
              </option>
            ))}
          </select>
        </label>
        <button type="submit">Search</button>
      </form>
    </search>
  );
}

interface EntriesProps {
  readonly entries: readonly Shown[];
  readonly directory: Directory;
  readonly membership: Membership;
  readonly reader: Reader;
}

export function Entries({ entries, directory, membership, reader }: EntriesProps) {
  if (entries.length === 0)
    return <Empty>Nothing in the log is like that. Leave a field empty to see more.</Empty>;
  const zone = membership.engagement.matrix.timezone;
  const saying: Saying = {
    name: id => directory.byId(id)?.name ?? id,
    time: at => zonedWords(new Date(at), zone, reader.now, true),
  };
  return (
    <ol class="log">
      {entries.map(entry => {
        const person = entry.actor.startsWith('person:') ? directory.byId(entry.actor.slice(7)) : null;
        const data = dataOf(entry.line);
        return (
          <li {...(person?.party ? { class: `lane ${person.party}` } : { class: 'lane' })}>
            <p>
              <b>{visible(person?.name ?? actorWords(entry.actor))}</b>{' '}
              {person?.party ? <PartyChip {...partySide(membership.engagement, person.party)} /> : null}{' '}
              {visible(shortened(sentenceOf(entry.action, data, saying), 400))}
            </p>
            <p class="muted">
              <Moment at={entry.at} now={reader.now} zone={zone} seconds={true} /> · {entry.action} ·{' '}
              <Subject of={entry.subject} tenant={membership.tenant} /> · {entry.seq}
            </p>
            <details>
              <summary>
                The line<span class="sr"> of entry {entry.seq}</span>
              </summary>
              <pre>
                <code>{visible(entry.line)}</code>
              </pre>
            </details>
          </li>
        );
      })}
    </ol>
  );
}

const actorWords = (actor: string): string =>
  actor === 'broker' ? 'The broker' : actor.replace(/^gateway:/, 'Gateway ');

function dataOf(line: string): unknown {
  return (JSON.parse(line) as { data: unknown }).data;
}

/** What an entry is about: its own page where it has one, and all else the log has of it. */
function Subject({ of, tenant }: { of: string; tenant: string }) {
  const page = of.startsWith('req_') ? `/r/${of}` : of.startsWith('s_') ? `/sessions/${of}` : null;
  const all = `/log?tenant=${encodeURIComponent(tenant)}&subject=${encodeURIComponent(of)}`;
  return (
    <>
      <a href={all}>{visible(of)}</a>
      {page ? (
        <>
          {' '}
          (
          <a href={page}>
            open<span class="sr"> {of}</span>
          </a>
          )
        </>
      ) : null}
    </>
  );
}

function Older({
  entries,
  membership,
  filter,
}: {
  entries: readonly Shown[];
  membership: Membership;
  filter: Filter;
}) {
  const last = entries.at(-1);
  if (!last || entries.length < A_PAGE || last.seq <= 1) return null;
  const query = new URLSearchParams({ tenant: membership.tenant, before: String(last.seq) });
  if (filter.subject) query.set('subject', filter.subject);
  if (filter.action) query.set('action', filter.action);
  return (
    <p>
      <a href={`/log?${query}`}>Older entries</a>
    </p>
  );
}

interface VerifyProps {
  readonly tenant: string;
  readonly size: number;
  readonly vkey: string;
  readonly note: string | null;
}

/** The checkpoint, its key, and the lines that check all of it on another machine. */
export function Verify({ tenant, size, vkey, note }: VerifyProps) {
  const query = `?tenant=${encodeURIComponent(tenant)}`;
  return (
    <section id="verify">
      <h2>Verify it yourself</h2>
      <p>
        {size === 1 ? 'One entry stands' : `${size} entries stand`} in one chain. The signed checkpoint is
        what proves its end; keep it, and its key, where the broker cannot change them.
      </p>
      <p class="buttons">
        <a class="button outline" href={`/api/v1/audit${query}`} download={`${tenant}.ndjson`}>
          Download the log
        </a>
        <a
          class="button outline"
          href={`/api/v1/audit/checkpoint${query}`}
          download={`${tenant}-checkpoint.txt`}
        >
          Download a checkpoint over it
        </a>
      </p>
      <p>Log first, checkpoint after. Then, with no network and no broker:</p>
      <Copy
        what="the verify command"
        text={`sallyport audit verify ${tenant}.ndjson --checkpoint ${tenant}-checkpoint.txt --key '${vkey}'`}
      />
      <p>The same from a terminal:</p>
      <Copy what="the export command" text={`sallyport audit export --tenant ${tenant} > ${tenant}.ndjson`} />
      <Copy
        what="the checkpoint command"
        text={`sallyport audit checkpoint --tenant ${tenant} > ${tenant}-checkpoint.txt`}
      />
      <details>
        <summary>The checkpoint as of now, and its key</summary>
        {note ? (
          <pre>
            <code>{note}</code>
          </pre>
        ) : (
          <p>There is none yet: the log is empty.</p>
        )}
        <p class="ids">
          <code>{vkey}</code>
        </p>
      </details>
    </section>
  );
}
