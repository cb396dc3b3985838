/** The only source of the time: rules and steps are told it and never ask. */
export interface Clock {
  now(): Date;
}
