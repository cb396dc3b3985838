import { cellsOf } from '../../domain/cell.ts';
import type { Engagement } from '../../domain/engagement.ts';
import { ruleText, selectorText, whenText } from '../../domain/explanation.ts';
import type { Matrix } from '../../domain/matrix.ts';
import { visible } from '../../domain/visible-text.ts';
import { changesOf } from '../../matrices/changes.ts';
import type { PlacedFinding } from '../../matrices/placed-findings.ts';
import { changedPart, inlineText } from '../../matrices/show.ts';
import { Fact, Ids } from '../parts.tsx';
import { CellCard, Link, type Shown } from './cell-card.tsx';
import { Findings } from './findings.tsx';
import { Grid } from './grid.tsx';

interface VersionProps extends Shown {
  /** What the check says of it; none where it is only looked at. */
  readonly findings?: readonly PlacedFinding[];
}

/** A version of the matrix as people read it: in force, proposed or old. One of them on a page: its cells have addresses. */
export function Version({ findings = [], ...shown }: VersionProps) {
  const { engagement } = shown;
  const { matrix, digest } = engagement;
  const services = Object.entries(matrix.services);
  return (
    <>
      <dl class="facts">
        <Fact label="Version">
          {matrix.version}
          {matrix.change ? `, approved by ${matrix.change}` : ''}
        </Fact>
        {matrix.review_by ? <Fact label="Review by">{matrix.review_by}</Fact> : null}
        <Fact label="Time zone">{matrix.timezone}</Fact>
      </dl>
      <Library of={matrix} />
      <Grid {...shown} findings={findings} />
      <Findings of={findings} />
      {services.map(([name, service]) => (
        <section>
          <h2>{visible(service.label ?? name)}</h2>
          <p class="muted">
            Covers targets with {visible(selectorText(service.targets))}
            <Link of={service.runbook} label="Runbook" />
            <Link of={service.rollback} label="Rollback" />
          </p>
          <div class="cards wide">
            {cellsOf(engagement)
              .filter(cell => cell.service === service)
              .map(cell => (
                <CellCard cell={cell} {...shown} />
              ))}
          </div>
        </section>
      ))}
      <Rules engagement={engagement} />
      <Ids of={[['Digest of matrix and inventory', digest]]} />
    </>
  );
}

/** What the parties changed of the library that their matrix builds on. */
function Library({ of: matrix }: { of: Matrix }) {
  if (matrix.extends === undefined) return null;
  const changes = changesOf(matrix);
  return (
    <details class="library">
      <summary>
        Builds on the library <code>{matrix.extends}</code>
        {changes === null
          ? ', which this installation no longer carries'
          : `: ${changes.length === 0 ? 'nothing of it is changed' : `${changes.length} of its parts are changed`}`}
      </summary>
      <ul>
        {changes?.map(change => (
          <li>
            <b>{visible(changedPart(change))}</b> {change.what}
            {change.library === null ? '' : `, there ${visible(inlineText(change.library))}`}
            {change.own === null ? '' : `, here ${visible(inlineText(change.own))}`}
          </li>
        ))}
      </ul>
    </details>
  );
}

function Rules({ engagement }: { engagement: Engagement }) {
  const { rules = [], governance } = engagement.matrix;
  return (
    <section>
      <h2>What every line must respect</h2>
      <ul>
        {rules.map(rule => (
          <li>
            {visible(ruleText(rule))}
            {rule.when ? `, when ${visible(whenText(rule.when))}` : ''}
          </li>
        ))}
        <li>Nobody answers their own request.</li>
      </ul>
      <h2>Governance</h2>
      <dl class="facts">
        <Fact label="Sign a version">{governance.sign.join(', ')}</Fact>
        <Fact label="Lock out">{governance.lockout.join(', ')}</Fact>
        <Fact label="Audit">{governance.auditors.join(', ')}</Fact>
      </dl>
    </section>
  );
}
