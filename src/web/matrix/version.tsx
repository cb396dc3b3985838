import { cellsOf } from '../../domain/cell.ts';
import type { Engagement } from '../../domain/decision.ts';
import { ruleText, selectorText, whenText } from '../../domain/explanation.ts';
import { visible } from '../../domain/visible-text.ts';
import { Fact, Ids } from '../parts.tsx';
import { CellCard, Link, type Shown } from './cell-card.tsx';

/** A version of the matrix as people read it: in force, proposed or old. */
export function Version(shown: Shown) {
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
      {services.map(([name, service]) => (
        <section>
          <h2>{visible(service.label ?? name)}</h2>
          <p class="muted">
            Covers targets with {selectorText(service.targets)}
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

function Rules({ engagement }: { engagement: Engagement }) {
  const { rules = [], governance } = engagement.matrix;
  return (
    <section>
      <h2>What every line must respect</h2>
      <ul>
        {rules.map(rule => (
          <li>
            {visible(ruleText(rule))}
            {rule.when ? `, when ${whenText(rule.when)}` : ''}
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
