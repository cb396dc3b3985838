import { type Cell, cellsOf } from '../../domain/cell.ts';
import type { Engagement } from '../../domain/engagement.ts';
import type { Activity } from '../../domain/matrix.ts';
import { PARTIES, type Party } from '../../domain/party.ts';
import { answerersOf } from '../../domain/squad.ts';
import { visible } from '../../domain/visible-text.ts';
import type { PlacedFinding } from '../../matrices/placed-findings.ts';
import { PartyChip, partySide } from '../parts.tsx';
import type { Shown } from './cell-card.tsx';

/** The letters of the grid, in the order in which they stand in a cell. */
const LETTERS = {
  R: 'asks',
  A: 'answers',
  A2: "in A's place",
  C: 'is consulted',
  I: 'is told',
} as const;

type Letter = keyof typeof LETTERS;

const squadsOf = ({ R, A, A2, C = [], I = [] }: Activity): Readonly<Record<Letter, readonly string[]>> => ({
  R,
  A: [A],
  A2: A2 === undefined ? [] : [A2],
  C,
  I,
});

interface Column {
  readonly party: Party;
  /** `msp/noc`. */
  readonly squad: string;
  /** `noc`. */
  readonly short: string;
  readonly label: string | undefined;
  readonly first: boolean;
}

const columnsOf = ({ matrix }: Engagement): Column[] =>
  PARTIES.flatMap(party =>
    Object.entries(matrix.parties[party].squads).map(([short, { label }], at) => ({
      party,
      squad: `${party}/${short}`,
      short,
      label,
      first: at === 0,
    })),
  );

/** With more columns than these their heads stand upright; with more than those the grid scrolls by itself. */
const LYING = 10;
const FITTING = 24;

interface GridProps extends Shown {
  readonly findings?: readonly PlacedFinding[];
}

/** The matrix as people know it: activities by squads, a letter where they meet; each row leads to its cell. */
export function Grid({ engagement, people, findings = [] }: GridProps) {
  const columns = columnsOf(engagement);
  const cells = cellsOf(engagement);
  const style = `raci-grid${columns.length > LYING ? ' upright' : ''}`;
  const table = (
    <table class={style}>
      <caption class="sr">Activities by squads: who asks, answers, is consulted and is told</caption>
      <thead>
        <tr>
          <th scope="col" rowspan={2}>
            Activity
          </th>
          {PARTIES.map(party => (
            <th
              scope="colgroup"
              class={`party-head ${party}`}
              colspan={columns.filter(column => column.party === party).length}
            >
              {visible(engagement.matrix.parties[party].name)}
            </th>
          ))}
        </tr>
        <tr>
          {columns.map(({ squad, short, label, party, first }) => (
            <th scope="col" class={`${party}${first ? ' first' : ''}`}>
              <span class="squad-head">
                {label ? visible(label) : <Breakable text={short} />}
                <small>{countText(answerersOf(engagement, squad, people).length)}</small>
              </span>
            </th>
          ))}
        </tr>
      </thead>
      {Object.entries(engagement.matrix.services).map(([name, service]) => (
        <tbody>
          <tr class="service">
            <th scope="rowgroup" colspan={columns.length + 1}>
              <span>{visible(service.label ?? name)}</span>
            </th>
          </tr>
          {cells
            .filter(cell => cell.service === service)
            .map(cell => (
              <Row
                cell={cell}
                columns={columns}
                findings={findings.filter(placed => placed.cell === cell.id)}
              />
            ))}
        </tbody>
      ))}
    </table>
  );
  return (
    <>
      <p class="key">
        {Object.entries(LETTERS).map(([letter, word]) => (
          <span>
            <b class={`letter ${letter}`}>{letter}</b> {word}
          </span>
        ))}
        {PARTIES.map(party => (
          <PartyChip {...partySide(engagement, party)} />
        ))}
      </p>
      {columns.length > FITTING ? (
        <section class="grid-frame" aria-label="The grid" tabindex={0}>
          {table}
        </section>
      ) : (
        table
      )}
    </>
  );
}

interface RowProps {
  readonly cell: Cell;
  readonly columns: readonly Column[];
  readonly findings: readonly PlacedFinding[];
}

function Row({ cell: { id, activity }, columns, findings }: RowProps) {
  const squads = squadsOf(activity);
  const letters = Object.keys(LETTERS) as Letter[];
  return (
    <tr>
      <th scope="row">
        <a href={`#${id}`}>{visible(activity.label ?? id.slice(id.indexOf('/') + 1))}</a>
        {activity.answer === 'pre-approved' ? <small> opens at once</small> : null}
        {findings.map(({ finding }) => (
          <small class={`mark ${finding.severity === 'error' ? 'gap' : ''}`}>
            {finding.severity === 'error' ? '▲ gap: ' : '△ warning: '}
            {finding.code.replaceAll('-', ' ')}
          </small>
        ))}
      </th>
      {columns.map(({ squad, party, first }) => {
        const own = letters.filter(letter => squads[letter].includes(squad));
        return (
          <td class={`${party}${first ? ' first' : ''}${own.length === 0 ? ' none' : ''}`}>
            {own.map(letter => (
              <span class="has">
                <b class={`letter ${letter}`}>{letter}</b> <span class="word">{LETTERS[letter]}</span>
              </span>
            ))}
            {own.length > 0 ? <span class="whose">{squad}</span> : null}
          </td>
        );
      })}
    </tr>
  );
}

/** A name that may be broken behind its dashes. */
const Breakable = ({ text }: { text: string }) => (
  <>
    {text.split(/(?<=[-_.])/).map((piece, at) => (
      <>
        {at === 0 ? null : <wbr />}
        {piece}
      </>
    ))}
  </>
);

const countText = (count: number): string =>
  count === 0 ? 'nobody yet' : count === 1 ? '1 person' : `${count} people`;
