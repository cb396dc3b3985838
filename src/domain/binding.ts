/** Whom an email of the matrix means. */
export interface Binding {
  /** Lower case. */
  readonly email: string;
  readonly issuer: string;
  readonly subject: string;
}
