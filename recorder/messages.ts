import { visible } from '../src/domain/visible-text.ts';

/** What the gateway says to a person in their terminal: plain lines that read well in a log. */

/** One line as it is shown; text from elsewhere cannot move the cursor or fake another line. */
export function spoken(line: string): string {
  return `sallyport: ${visible(line)}`;
}

/** `16:30 UTC`, with seconds where they are not zero. */
export function clockTime(at: number): string {
  const time = new Date(at).toISOString().slice(11, 19);
  return `${time.endsWith(':00') ? time.slice(0, 5) : time} UTC`;
}

/** Control characters in a name, or in a command other than tab and newline: no client sends them by itself. */
export function garbled(asked: { readonly username: string; readonly command: string | null }): boolean {
  return (
    /[\u0000-\u001f\u007f]/.test(asked.username) || /[\u0000-\u0008\u000b-\u001f]/.test(asked.command ?? '')
  );
}

export const GARBLED = ['the user name or the command holds control characters, so nothing was opened.'];

export const UNREACHED_BROKER = [
  'the broker did not answer, so nothing was opened.',
  'try again in a minute; if it stays so, tell whoever runs the broker.',
];

/** Shown where not even who somebody is can be found out. */
export const AWAY = 'sallyport: the broker cannot be reached, so nobody is let in; try again in a minute';

export const RESUMED = 'the broker can be reached again: the session goes on.';

export function paused(deadline: number): string {
  return `the broker cannot be reached: the session is paused until it can, and ends at ${clockTime(deadline)} at the latest.`;
}

export const NOT_GIVEN = 'this session is not given any more; it is closed.';

export const NOT_RECORDABLE = [
  'this session cannot be recorded right now, so it was not opened.',
  'nothing is wrong with your grant: tell whoever runs the gateway that recordings cannot be written.',
];

export const RECORDING_BROKE = [
  'the recording of this session failed, so the session is closed.',
  'nothing more was shown than what stands in the recording.',
];

export const GATEWAY_STOPS = 'the gateway is stopping; this session is closed.';

export function gatewayStopsIn(ms: number): string {
  return `the gateway is stopping: this session is closed in ${Math.ceil(ms / 1000)} s; what you finish now is recorded.`;
}

export const TARGET_LOST = 'the connection to the target was lost.';

export function grantEnded(where: string, deadline: number): string {
  return `your grant for ${where} ended at ${clockTime(deadline)}; this session is closed.`;
}

export function grantEndsSoon(where: string, deadline: number): string {
  return `your grant for ${where} ends in one minute, at ${clockTime(deadline)}.`;
}
