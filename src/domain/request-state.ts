/** `observed`: it would have been asked or opened, by a matrix that only observes; nobody was asked, nothing opened. */
export const REQUEST_STATES = [
  'refused',
  'observed',
  'waiting',
  'approved',
  'denied',
  'withdrawn',
  'expired',
] as const;

export type RequestState = (typeof REQUEST_STATES)[number];
