import type { Part } from './slack-message.ts';

/** One thing that arrived. */
export interface ChatMessage {
  /** Counts up from 1. */
  readonly id: number;
  readonly at: Date;
  readonly via: 'slack' | 'webhook';
  readonly room: string;
  /** The signature held; a Slack webhook has none, its secret is the address. */
  readonly verified: boolean;
  /** Why it was refused, null when it was not. A refused message has no parts and no payload. */
  readonly refusal: string | null;
  readonly parts: readonly Part[];
  /** The words of `parts`. */
  readonly text: string;
  readonly links: ReadonlyArray<{ text: string; url: string }>;
  readonly payload: unknown;
}
