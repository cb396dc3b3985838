import type { Child } from 'hono/jsx';
import type { Engagement } from '../domain/decision.ts';
import type { Party } from '../domain/party.ts';
import { visible } from '../domain/visible-text.ts';
import type { Known } from './people.ts';
import type { Side } from './reader.ts';
import { apartWords, leftWords, zonedWords } from './time-words.ts';

/** The small things that pages are made of. */

/** The party's colour, and its name: never the colour alone. */
export const PartyChip = ({ party, name }: Side) => <span class={`party ${party}`}>{visible(name)}</span>;

export const partySide = ({ matrix }: Engagement, party: Party): Side => ({
  party,
  name: matrix.parties[party].name,
});

export const Sides = ({ of }: { of: readonly Side[] }) => (
  <>
    {of.map(side => (
      <PartyChip {...side} />
    ))}
    {of.length === 0 ? <span class="muted">in no engagement</span> : null}
  </>
);

export function PersonChip({ person, engagement }: { person: Known; engagement: Engagement }) {
  return (
    <span class="person">
      <b>{visible(person.name)}</b>{' '}
      {person.party ? (
        <PartyChip {...partySide(engagement, person.party)} />
      ) : (
        <span class="muted">no side now</span>
      )}
      {person.unseen ? <span class="muted"> never signed in</span> : null}
    </span>
  );
}

export type Scale = 'waiting' | 'live' | 'ended' | 'refused';

const SCALE: Readonly<Record<string, { scale: Scale; word: string }>> = {
  waiting: { scale: 'waiting', word: 'waiting' },
  observed: { scale: 'ended', word: 'observed only' },
  approved: { scale: 'live', word: 'approved' },
  refused: { scale: 'refused', word: 'refused' },
  denied: { scale: 'refused', word: 'denied' },
  withdrawn: { scale: 'ended', word: 'withdrawn' },
  expired: { scale: 'ended', word: 'nobody answered' },
  live: { scale: 'live', word: 'live' },
  later: { scale: 'waiting', word: 'starts later' },
  ended: { scale: 'ended', word: 'ended' },
};

export function State({ is }: { is: keyof typeof SCALE & string }) {
  const { scale, word } = SCALE[is] ?? { scale: 'ended', word: is };
  return <span class={`state ${scale}`}>{word}</span>;
}

interface TimeProps {
  readonly at: Date;
  readonly now: Date;
}

/** When: in the matrix's zone; the island says it in the reader's first where that differs. */
export function Moment({ at, zone, now, seconds }: TimeProps & { zone: string; seconds?: boolean }) {
  const ahead = at.getTime() - now.getTime();
  // A deadline that is near is said to the second.
  const close = seconds || (ahead > 0 && ahead < 10 * 60_000);
  return (
    <time
      datetime={at.toISOString()}
      data-say="clock"
      data-zone={zone}
      {...(close ? { 'data-seconds': '' } : {})}
    >
      {zonedWords(at, zone, now, close)}
    </time>
  );
}

export const Left = ({ at, now }: TimeProps) => (
  <time datetime={at.toISOString()} data-say="left">
    {leftWords(at, now)}
  </time>
);

export const Apart = ({ at, now }: TimeProps) => (
  <time datetime={at.toISOString()} data-say="apart">
    {apartWords(at, now)}
  </time>
);

/** What is left, and until when. */
export const Until = ({ at, now, zone }: TimeProps & { zone: string }) => (
  <span class="until">
    <b>
      <Left at={at} now={now} />
    </b>
    , until <Moment at={at} now={now} zone={zone} />
  </span>
);

/** Words of a person: lines kept, nothing hidden in them. */
export const Words = ({ text }: { text: string }) => (
  <span class="words">
    {text.split(/\r\n|[\n\r]/).map((line, at) => (
      <>
        {at === 0 ? null : <br />}
        {visible(line)}
      </>
    ))}
  </span>
);

export const Fact = ({ label, children }: { label: string; children?: Child }) => (
  <div class="fact">
    <dt>{label}</dt>
    <dd>{children}</dd>
  </div>
);

export const cellPath = (tenant: string, cell: string): string =>
  `/matrix?tenant=${encodeURIComponent(tenant)}#${encodeURIComponent(cell).replaceAll('%2F', '/')}`;

export const CellLink = ({
  tenant,
  cell,
  label,
}: {
  tenant: string;
  cell: string;
  label?: string | undefined;
}) => <a href={cellPath(tenant, cell)}>{label ?? cell}</a>;

/** A decision's reason, in the matrix's words, with the line of the matrix a click away. */
export function Explanation({
  lines,
  tenant,
  cell,
}: {
  lines: readonly string[];
  tenant: string;
  cell: string | null;
}) {
  return (
    <>
      <ul class="explanation">
        {lines.map(line => (
          <li>{visible(line)}</li>
        ))}
      </ul>
      {cell ? (
        <p>
          <CellLink tenant={tenant} cell={cell} label={`The line ${cell} in the matrix`} />
        </p>
      ) : null}
    </>
  );
}

/** A line to copy; it selects whole without script. */
export const Copy = ({ text, what }: { text: string; what: string }) => (
  <div class="copy" data-copy={what}>
    <code>{text}</code>
  </div>
);

interface NoticeProps {
  readonly kind: Scale;
  readonly title: string;
  readonly children?: Child;
}

export const Notice = ({ kind, title, children }: NoticeProps) => (
  <div class={`notice ${kind}`} role={kind === 'refused' ? 'alert' : 'status'}>
    <p>
      <b>{visible(title)}</b>
    </p>
    {children ? <div>{children}</div> : null}
  </div>
);

export const Empty = ({ children }: { children?: Child }) => <p class="empty">{children}</p>;

/** Ids come last, short and easy to select. */
export const Ids = ({ of }: { of: readonly (readonly [label: string, id: string])[] }) => (
  <p class="ids">
    {of.map(([label, id], at) => (
      <>
        {at === 0 ? null : ' · '}
        {label} <code>{id}</code>
      </>
    ))}
  </p>
);

/**
 * For whom a form was shown. A browser may be several people at once, and another window may have changed who it is:
 * what is sent then is not what was meant.
 */
export const As = ({ of }: { of: { readonly person: { readonly id: string } } }) => (
  <input type="hidden" name="as" value={of.person.id} />
);

export function bytesText(count: number): string {
  if (count < 10_000) return count === 1 ? '1 byte' : `${count} bytes`;
  return count < 10_000_000 ? `${Math.round(count / 1000)} kB` : `${Math.round(count / 1_000_000)} MB`;
}
