import { type Cell, listOf, matches } from '../../domain/cell.ts';
import { whenText } from '../../domain/explanation.ts';
import type { Rule } from '../../domain/matrix.ts';
import { otherParty, PARTIES, type Party } from '../../domain/party.ts';
import { type Check, named, type Sighting } from './finding.ts';
import {
  givesSomething,
  openTogether,
  partyOf,
  pathOf,
  type Survey,
  squadsThatAnswer,
  type Way,
  waysOf,
} from './survey.ts';

/** From which side an answer can come, and what the rules make of it. */
export const ANSWERS: readonly Check[] = [
  {
    code: 'rule-unsatisfiable',
    severity: 'error',
    title: 'A rule leaves a cell with nobody who may answer',
    help: 'A rule with `parties: differ` binds on a target of the cell, and everybody who may answer, or a whole co-approver squad, is of the party that asks. The answer is always no. A warning where the rule, or the exception of the cell, binds only at times. Cells that are pre-approved ask nobody, so a rule cannot fail them.',
    mend: 'Name a squad of the other party in A or A2, and in `co_approve`; or take that party out of R.',
    find: ruleUnsatisfiable,
  },
  {
    code: 'own-side-answers',
    severity: 'warning',
    title: 'An answer could only come from the side that asks',
    help: 'R, A and A2 are all of one party. Where that is the MSP, it answers its own requests on the estate of its client. Where it is the client, nobody of the MSP is even consulted or informed.',
    mend: 'For the MSP: name a squad of the client in A, A2 or `co_approve`. For the client: name a squad of the MSP in C or I.',
    find: survey => survey.cells.flatMap(cell => ownSideAnswers(survey, cell)),
  },
  {
    code: 'rule-never-binds',
    severity: 'warning',
    title: 'A rule never binds',
    help: 'No target that any cell covers has the labels of its `when.target`, or its calendars never open again. Whoever reads the matrix counts on a protection that is not there.',
    mend: 'Correct the labels or the calendar, or take the rule out.',
    find: ruleNeverBinds,
  },
];

interface Bound {
  readonly rule: Rule;
  /** One target of the cell on which it binds. */
  readonly target: string;
  /** Whatever the severity and the hour. */
  readonly always: boolean;
}

/** By cell, the rules that want two parties and bind on one of its targets; those that always do first. */
function twoPartyRules(survey: Survey): Map<Cell, Bound[]> {
  const { engagement, covered } = survey;
  const bound = new Map<Cell, Bound[]>();
  for (const rule of engagement.matrix.rules ?? []) {
    const { when, require } = rule;
    if (require.parties !== 'differ') continue;
    if (when?.during !== undefined && !openTogether(survey, [when.during])) continue;
    const always = when?.during === undefined && when?.severity === undefined;
    for (const { cells, targets } of covered) {
      const target = targets.find(
        name => !when?.target || matches(when.target, engagement.targets.targets[name]!.labels),
      );
      if (target === undefined) continue;
      for (const cell of cells) {
        const own = cell.activity.when?.severity;
        if (own !== undefined && when?.severity !== undefined) {
          if (!listOf(own).some(severity => listOf(when.severity).includes(severity))) continue;
        }
        const known = bound.get(cell);
        if (known) known.push({ rule, target, always });
        else bound.set(cell, [{ rule, target, always }]);
      }
    }
  }
  for (const rules of bound.values()) rules.sort((one, other) => Number(other.always) - Number(one.always));
  return bound;
}

function ruleUnsatisfiable(survey: Survey): Sighting[] {
  const bound = twoPartyRules(survey);
  return survey.cells.flatMap(cell => {
    const [first] = bound.get(cell) ?? [];
    if (!first || !givesSomething(cell)) return [];
    return askingParties(cell).flatMap(party => {
      // The cell's own way first: what it lacks, each of its exceptions lacks as well.
      for (const way of waysOf(cell)) {
        const lacking = lackingUnder(cell, way, party);
        if (lacking !== null) return [unsatisfiable(survey, way, party, first, lacking)];
      }
      return [];
    });
  });
}

const askingParties = ({ activity }: Cell): Party[] =>
  PARTIES.filter(party => activity.R.some(squad => partyOf(squad) === party));

/** Squads that must answer and are all of the party that asks; `null` where the answer can come. */
function lackingUnder(cell: Cell, way: Way, party: Party): string[] | null {
  if (way.answer === 'pre-approved') return null;
  const answering = squadsThatAnswer(cell);
  if (answering.every(squad => partyOf(squad) === party)) return answering;
  const own = way.coApprove.filter(squad => partyOf(squad) === party);
  return own.length > 0 ? own : null;
}

function unsatisfiable(
  { engagement }: Survey,
  way: Way,
  party: Party,
  { rule, target, always }: Bound,
  lacking: readonly string[],
): Sighting {
  const { parties } = engagement.matrix;
  const { target: _, ...times } = rule.when ?? {};
  return {
    file: 'matrix',
    path: way.path,
    subject: `${way.text}, ${party}`,
    ...(always && way.exception === null ? {} : { severity: 'warning' as const }),
    message: `rule "${rule.name}" wants two parties on ${target}${
      always ? '' : `, when ${whenText(times)}`
    }: what ${parties[party].name} asks for under ${way.text} must be answered by ${named(lacking)}, of the same party, so the answer is always no`,
    mend: `name a squad of ${parties[otherParty(party)].name} in place of ${named(lacking)}, or take ${parties[party].name} out of R`,
  };
}

function ownSideAnswers({ engagement }: Survey, cell: Cell): Sighting[] {
  const [way] = waysOf(cell);
  const [party, another] = askingParties(cell);
  if (!givesSomething(cell) || way!.answer === 'pre-approved' || !party || another) return [];
  const answering = [...squadsThatAnswer(cell), ...way!.coApprove];
  if (answering.some(squad => partyOf(squad) !== party)) return [];
  const { C = [], I = [] } = cell.activity;
  // The estate is the client's: it may answer itself, as long as the other side hears of it.
  if (party === 'client' && [...C, ...I].some(squad => partyOf(squad) !== party)) return [];
  const { parties } = engagement.matrix;
  const own = parties[party].name;
  const other = parties[otherParty(party)].name;
  return [
    {
      file: 'matrix',
      path: pathOf(cell, 'A'),
      subject: cell.id,
      message:
        party === 'msp'
          ? `${own} asks and ${own} answers in ${cell.id}: nobody of ${other} is in A or A2`
          : `${own} asks and ${own} answers in ${cell.id}, and nobody of ${other} hears of it`,
      mend:
        party === 'msp'
          ? `name a squad of ${other} in A, A2 or co_approve`
          : `name a squad of ${other} in C or I`,
    },
  ];
}

function ruleNeverBinds(survey: Survey): Sighting[] {
  const { engagement, covered } = survey;
  const targets = covered.flatMap(group => group.targets);
  return (engagement.matrix.rules ?? []).flatMap((rule, place): Sighting[] => {
    const { target, during } = rule.when ?? {};
    const shut = during !== undefined && !openTogether(survey, [during]);
    const missing =
      target !== undefined &&
      !targets.some(name => matches(target, engagement.targets.targets[name]!.labels));
    if (!shut && !missing) return [];
    const why = missing
      ? `no target that a cell covers has ${whenText({ target })}`
      : `${named(listOf(during))} never ${listOf(during).length === 1 ? 'opens' : 'open'} again`;
    return [
      {
        file: 'matrix',
        path: ['rules', place],
        subject: rule.name,
        message: `rule "${rule.name}" never binds: ${why}`,
        mend: missing
          ? 'correct its labels, or take the rule out'
          : 'renew the calendar, or take the rule out',
      },
    ];
  });
}
