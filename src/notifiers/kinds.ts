import { z } from 'zod';
import type { Notifier, NotifierKind } from './contract.ts';
import { slack } from './slack.ts';
import { standardWebhook } from './standard-webhook.ts';

export const notifierKinds: Readonly<Record<string, NotifierKind>> = {
  slack,
  webhook: standardWebhook,
};

/** A channel that names no kind of ours, or has settings that make no sense. One line, without their values. */
export class ChannelError extends Error {
  readonly code = 'channel';
}

/** The notifier of a channel in the configuration. Errors: `ChannelError`. */
export function openNotifier(
  channel: { name: string; kind: string; settings: Readonly<Record<string, unknown>> },
  now: () => Date = () => new Date(),
): Notifier {
  if (!Object.hasOwn(notifierKinds, channel.kind)) {
    const known = Object.keys(notifierKinds).join(', ');
    throw new ChannelError(
      `channel ${channel.name}: unknown kind ${JSON.stringify(channel.kind)}; there are ${known}`,
    );
  }
  try {
    return notifierKinds[channel.kind]!.open(channel.settings, now);
  } catch (error) {
    if (!(error instanceof z.ZodError)) throw error;
    const issue = error.issues[0]!;
    const where = issue.path.length === 0 ? '' : `${issue.path.join('.')}: `;
    throw new ChannelError(`channel ${channel.name}: ${where}${issue.message}`);
  }
}
