/** An answer of one person, in one place (`approver` or `co:SQUAD`), to one revision of a request. */
export interface Approval {
  readonly request: string;
  readonly place: string;
  readonly person: string;
  readonly answer: 'yes' | 'no';
  readonly reason: string | null;
  readonly reasonSalt: Buffer | null;
  readonly digest: string;
  readonly revision: number;
  readonly at: Date;
}

/** The places that must say yes before the grant opens. */
export const placesNeeded = (coApprove: readonly string[]): string[] => [
  'approver',
  ...coApprove.map(squad => `co:${squad}`),
];

/** The needed places that no yes fills yet. */
export function placesOpen(coApprove: readonly string[], approvals: readonly Approval[]): string[] {
  const filled = new Set(approvals.filter(a => a.answer === 'yes').map(a => a.place));
  return placesNeeded(coApprove).filter(place => !filled.has(place));
}
