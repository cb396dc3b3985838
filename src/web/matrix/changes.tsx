import { visible } from '../../domain/visible-text.ts';
import { type AccessDiff, type AccessLine, KINDS, type Kind } from '../../matrices/diff.ts';
import type { Scale } from '../parts.tsx';

/** How each kind of change is headed, and how it looks: what opens access must not be overlooked. */
const HEADS: Readonly<Record<Kind, { title: string; scale: Scale }>> = {
  gains: { title: 'Gains access', scale: 'refused' },
  easier: { title: 'Gets easier', scale: 'refused' },
  answers: { title: 'Is answered by others', scale: 'waiting' },
  harder: { title: 'Gets harder', scale: 'live' },
  loses: { title: 'Loses access', scale: 'live' },
  other: { title: 'Changes besides', scale: 'ended' },
};

/** What a version means for people and their access, what opens access first. */
export function AccessChanges({ diff }: { diff: AccessDiff | null }) {
  return (
    <section>
      <h2>What it changes for people</h2>
      {diff === null ? (
        <p>It is the first version: all that it gives is new.</p>
      ) : diff.lines.length === 0 ? (
        <p>Nothing in the matrix or the inventory. What else is signed stands below.</p>
      ) : (
        KINDS.map(kind => {
          const lines = diff.lines.filter(line => line.kind === kind);
          const { title, scale } = HEADS[kind];
          return lines.length === 0 ? null : (
            <>
              <h3>
                <span class={`state ${scale}`}>{title}</span>
              </h3>
              <ul class="changes">
                {lines.map(line => (
                  <li>
                    <Change line={line} />
                  </li>
                ))}
              </ul>
            </>
          );
        })
      )}
    </section>
  );
}

/** So many characters are read as they stand; past them, what names all of it is opened from its short form. */
const LONG = 600;

const Change = ({ line: { sentence, short } }: { line: AccessLine }) =>
  short === null || sentence.length <= LONG ? (
    <>{visible(sentence)}.</>
  ) : (
    <details>
      <summary>{visible(short)}. All of them:</summary>
      <p>{visible(sentence)}.</p>
    </details>
  );
