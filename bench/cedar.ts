import type { StatefulAuthorizationCall } from '@cedar-policy/cedar-wasm/nodejs';
import type { Engagement, Question } from '../src/domain/decision.ts';
import { preparse } from '../test/domain/cedar/engine.ts';
import { contextOf, personFacts, personId, targetFacts, targetId } from '../test/domain/cedar/facts.ts';
import { policiesOf } from '../test/domain/cedar/policies.ts';

/** Cedar with the same matrix, laid out as well for it as we know. */

export { isAllowed, version } from '../test/domain/cedar/engine.ts';

/** Every cell has a set of its own, so that a call evaluates the policies of one cell and no others. */
export function preparseCells({ matrix }: Engagement): void {
  for (const [service, { activities }] of Object.entries(matrix.services)) {
    for (const name of Object.keys(activities)) {
      preparse(`${service}/${name}`, policiesOf(matrix, service, name).opens);
    }
  }
}

/** A call that is ready to make: only the asker and the target go with it. */
export function callOf(
  engagement: Engagement,
  question: Question,
  open: readonly string[],
  action: 'ask' | 'start',
): StatefulAuthorizationCall {
  return {
    principal: personId(question.asker),
    action: { type: 'Action', id: action },
    resource: targetId(question.target),
    context: contextOf(question, open, false),
    preparsedPolicySetId: question.activity!,
    entities: [
      personFacts(question.asker),
      targetFacts(question.target, engagement.targets.targets[question.target]!),
    ],
  };
}
