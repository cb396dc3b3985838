/** Why a question got a no, in the order in which the first that holds is the answer's code. */
export const REFUSAL_CODES = [
  'locked-out',
  'no-cell',
  'activity-needed',
  'not-responsible',
  'not-given',
  'outside-window',
  'duration-too-long',
  'ticket-required',
  'no-approver',
] as const;

export type RefusalCode = (typeof REFUSAL_CODES)[number];
