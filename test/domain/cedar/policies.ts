import { parseDuration } from '../../../src/domain/duration.ts';
import type { Activity, Exception, Matrix, Rule, Selector, Squad, When } from '../../../src/domain/matrix.ts';

/**
 * A matrix as Cedar policies, written from the contract and not from `decide`: the second opinion. What is asked is
 * the action: `fit` (is this cell one that the asker could mean?), `ask` (may they ask, so that others answer?),
 * `start` (may they begin at once?), `need` (must the squad that `context.place` names say yes too?), `answer` and
 * `answer-too` (may this person approve, or say yes for that squad?). Which calendars are open is a fact of the
 * context, as Cedar knows no time zones.
 */

const OPENS = 'action in [Action::"ask", Action::"start"]';
const ANSWERS = 'action in [Action::"answer", Action::"answer-too"]';

const all = (...conditions: readonly string[]): string =>
  conditions.length === 0 ? 'true' : conditions.map(condition => `(${condition})`).join(' && ');
const any = (...conditions: readonly string[]): string =>
  conditions.length === 0 ? 'false' : conditions.map(condition => `(${condition})`).join(' || ');
const text = (value: string): string => JSON.stringify(value);
const set = (values: readonly string[]): string => `[${values.map(text).join(', ')}]`;
const many = (value: string | readonly string[]): readonly string[] => [value].flat();

const permit = (action: string, condition: string): string =>
  `permit(principal, action == Action::${text(action)}, resource) when { ${condition} };`;
const forbid = (scope: string, condition: string): string =>
  `forbid(principal, ${scope}, resource) when { ${condition} };`;

/** Whether the principal is in one of these squads. */
function member(matrix: Matrix, names: readonly string[]): string {
  return any(
    ...names.flatMap(name => {
      const [party, squad] = name.split('/') as ['msp' | 'client', string];
      const { group, people }: Squad = matrix.parties[party].squads[squad]!;
      return [
        ...(group === undefined ? [] : [`principal in Group::${text(`${party}/${group}`)}`]),
        ...(people === undefined || people.length === 0
          ? []
          : [
              all(
                `principal.party == ${text(party)}`,
                'principal has email',
                `${set(people.map(email => email.toLowerCase()))}.contains(principal.email)`,
              ),
            ]),
      ];
    }),
  );
}

const selects = (selector: Selector): string =>
  all(
    ...Object.entries(selector).flatMap(([key, value]) => [
      `resource.labels has ${text(key)}`,
      `resource.labels[${text(key)}].containsAny(${set(many(value))})`,
    ]),
  );

const applies = ({ severity, during, target }: When): string =>
  all(
    ...(target === undefined ? [] : [selects(target)]),
    ...(severity === undefined
      ? []
      : ['context has severity', `${set(many(severity))}.contains(context.severity)`]),
    ...(during === undefined ? [] : [`context.open.containsAny(${set(many(during))})`]),
  );

const logins = ({ gives = {} }: Activity): string[] => [
  ...(gives.ssh === undefined ? [] : 'logins' in gives.ssh ? gives.ssh.logins : gives.ssh).map(
    login => `ssh ${login}`,
  ),
  ...(gives.postgres ?? []).map(role => `postgres ${role}`),
  ...(gives.web ?? []).map(role => `web ${role}`),
];

/** One way in which a cell may be met: under one of its exceptions, or under none. */
interface Way {
  readonly when: string;
  readonly exception: Partial<Exception>;
}

function waysOf({ exceptions = [] }: Activity): Way[] {
  const whens = exceptions.map(exception => applies(exception.when));
  return [
    ...exceptions.map((exception, at) => ({
      when: all(whens[at]!, `!(${any(...whens.slice(0, at))})`),
      exception,
    })),
    { when: `!(${any(...whens)})`, exception: {} },
  ];
}

/** What the cell says, with what the exception says in its place. */
function under(activity: Activity, exception: Partial<Exception>) {
  const coApprove = exception.co_approve ?? activity.co_approve ?? [];
  const asked = (exception.co_approve?.length ?? 0) > 0 ? 'needs-approval' : activity.answer;
  const start = (exception.answer ?? asked) === 'pre-approved';
  return {
    action: start ? 'start' : 'ask',
    longest: parseDuration(exception.for ?? activity.for ?? '') ?? 0,
    ticket: (exception.ticket ?? activity.ticket) === 'required',
    coApprove: start ? [] : coApprove,
  };
}

const ruleApplies = ({ when }: Rule): string => (when ? applies(when) : 'true');

/** The policies of one cell by what they decide; `opens` alone says whether a person may ask or start. */
export function policiesOf(
  matrix: Matrix,
  service: string,
  name: string,
): { readonly opens: string; readonly fits: string; readonly answers: string } {
  const { targets, activities } = matrix.services[service]!;
  const activity = activities[name]!;
  const { target: further, ...window } = activity.when ?? {};
  const covers = all(selects(targets), ...(further ? [selects(further)] : []));
  const gives = all('context has login', `${set(logins(activity))}.contains(context.login)`);
  const responsible = member(matrix, activity.R);
  const rules = matrix.rules ?? [];
  const ways = waysOf(activity).map(way => ({ ...way, ...under(activity, way.exception) }));
  return {
    fits: permit('fit', all(responsible, covers, `!(context has protocol) || (${gives})`)),
    opens: [
      ...ways.map(({ when, action, longest, ticket }) =>
        permit(
          action,
          all(
            responsible,
            covers,
            gives,
            'resource.offers.contains(context.protocol)',
            applies(window),
            when,
            `context.seconds >= 1 && context.seconds <= ${longest}`,
            ...(ticket ? ['context.ticket'] : []),
          ),
        ),
      ),
      forbid(OPENS, 'context.locked_out && principal.party == "msp"'),
      ...rules
        .filter(({ require }) => require.ticket === 'required')
        .map(rule => forbid(OPENS, all(ruleApplies(rule), '!context.ticket'))),
    ].join('\n'),
    answers: [
      permit('answer', member(matrix, activity.A2 ? [activity.A, activity.A2] : [activity.A])),
      ...ways.flatMap(({ when, coApprove }) =>
        coApprove.flatMap(squad => [
          permit('need', all(when, `context.place == ${text(squad)}`)),
          permit('answer-too', all(when, `context.place == ${text(squad)}`, member(matrix, [squad]))),
        ]),
      ),
      forbid(ANSWERS, 'principal == context.asker'),
      forbid(
        ANSWERS,
        'principal has email && context.asker has email && principal.email == context.asker.email',
      ),
      ...rules
        .filter(({ require }) => require.parties === 'differ')
        .map(rule => forbid(ANSWERS, all(ruleApplies(rule), 'principal.party == context.asker.party'))),
    ].join('\n'),
  };
}
