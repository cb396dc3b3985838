import type { Party } from './party.ts';
import type { Protocol } from './protocol.ts';

/**
 * The document of `matrix.yaml`, as it was parsed and found sound: no defaults filled in, since the digest is
 * taken over exactly this. Durations are texts such as `1h30m`, squads are named `party/squad`.
 */
export interface Matrix {
  /** The tenant's name. */
  readonly matrix: string;
  readonly version: string;
  /** The library whose rows are among these, as written: `hipaa@1`. */
  readonly extends?: string;
  /** `observe`: all is decided and recorded as if, and nothing is opened. Absent: `enforce`. */
  readonly mode?: Mode;
  /** The change record that approved this version. */
  readonly change?: string;
  /** A date, `2027-02-20`. */
  readonly review_by?: string;
  /** IANA name. Times without a zone are in it. */
  readonly timezone: string;
  readonly parties: Readonly<Record<Party, PartyEntry>>;
  readonly governance: Governance;
  readonly calendars?: Readonly<Record<string, CalendarEntry>>;
  readonly services: Readonly<Record<string, Service>>;
  readonly rules?: readonly Rule[];
}

export interface PartyEntry {
  readonly name: string;
  readonly issuer: string;
  /** Claims that a token of the issuer must carry to speak for this party (`hd`, `tid`). */
  readonly claims?: Readonly<Record<string, string>>;
  readonly squads: Readonly<Record<string, Squad>>;
}

/** Members are those whose IdP gives `group`, and those whom `people` names by email. */
export interface Squad {
  readonly label?: string;
  readonly group?: string;
  readonly people?: readonly string[];
  readonly primary?: string;
  readonly secondary?: string;
}

/** Squads: who signs a new version, who may shut the MSP out (the first may lift it), who replays and exports. */
export interface Governance {
  readonly sign: readonly string[];
  readonly lockout: readonly string[];
  readonly auditors: readonly string[];
}

export type Mode = 'observe' | 'enforce';

/**
 * Open in its weekly windows, between two moments, on whole days; where it says several of them, when all hold. It is
 * shut while one of those that `except` names is open; alone, `except` leaves every other hour open.
 */
export interface CalendarEntry {
  readonly label?: string;
  readonly weekly?: string;
  readonly from?: string;
  readonly to?: string;
  /** Dates, `2026-12-25`, each from its midnight to the next in the matrix's zone. */
  readonly dates?: readonly string[];
  /** Calendars of the matrix; they make no circle. */
  readonly except?: readonly string[];
}

/** All keys must match; a list matches when one value is shared. */
export type Selector = Readonly<Record<string, string | readonly string[]>>;

export interface Service {
  readonly label?: string;
  readonly targets: Selector;
  readonly runbook?: string;
  readonly rollback?: string;
  readonly activities: Readonly<Record<string, Activity>>;
}

/** What must hold for a cell to be open, an exception to be chosen or a rule to bind. */
export interface When {
  readonly severity?: string | readonly string[];
  /** Calendars; one that is open suffices. */
  readonly during?: string | readonly string[];
  readonly target?: Selector;
}

export type Answer = 'needs-approval' | 'pre-approved';
export type TicketNeed = 'required' | 'optional';

/** A cell's row: who is R, A, A2, C and I, what it gives and within which limits. */
export interface Activity {
  readonly label?: string;
  readonly R: readonly string[];
  readonly A: string;
  readonly A2?: string;
  readonly C?: readonly string[];
  readonly I?: readonly string[];
  readonly gives?: Gives;
  /** Longest grant. There whenever `gives` is. */
  readonly for?: string;
  /** How long each rung of the ladder has; without it `ANSWER_WITHIN`. */
  readonly answer_within?: string;
  readonly escalate?: readonly string[];
  readonly ticket?: TicketNeed;
  readonly answer?: Answer;
  readonly review_within?: string;
  /** Longest time since the asker's last sign-in. */
  readonly sign_in_within?: string;
  readonly when?: When;
  readonly exceptions?: readonly Exception[];
  readonly co_approve?: readonly string[];
  readonly handback?: readonly string[];
  readonly takeover?: readonly string[];
  readonly runbook?: string;
  readonly rollback?: string;
  readonly controls?: readonly string[];
  /** `input`: what is typed is recorded as well as what is shown. */
  readonly record?: 'input';
}

/** Logins and roles by protocol. */
export interface Gives extends Readonly<Partial<Record<Exclude<Protocol, 'ssh'>, readonly string[]>>> {
  /** The short form, a list, gives these logins a shell, commands and transfers. */
  readonly ssh?: readonly string[] | SshGiven;
}

/** The long form. A shell is always given; what is not named is not. */
export interface SshGiven {
  readonly logins: readonly string[];
  /** Commands without a shell: `ssh root@db01 uptime`. */
  readonly exec?: boolean;
  readonly forward?: boolean;
  /** Files by sftp and scp; with `exec`, by rsync and git as well. */
  readonly transfer?: boolean;
  readonly agent?: boolean;
}

/** Chosen by its `when` alone; whatever else it says takes the place of what the cell says. */
export interface Exception {
  readonly name: string;
  readonly when: When;
  readonly for?: string;
  readonly ticket?: TicketNeed;
  readonly answer?: Answer;
  readonly co_approve?: readonly string[];
  readonly review_within?: string;
}

/** What every cell must respect, whatever its row or an exception says. Without `when` it always binds. */
export interface Rule {
  readonly name: string;
  readonly when?: When;
  readonly require: {
    /** Nobody of the asker's party may answer. */
    readonly parties?: 'differ';
    readonly ticket?: 'required';
    readonly record?: 'always';
  };
}

/** How long a rung has where the cell does not say. */
export const ANSWER_WITHIN = '1h';
