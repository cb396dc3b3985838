import type { Command } from 'commander';
import { callIsWrong } from './failure.ts';
import type { Terminal } from './terminal.ts';

interface Place {
  /** The words that lead here: `''`, `keys`, `keys add`. */
  readonly path: string;
  readonly words: readonly { readonly word: string; readonly about: string }[];
}

/** `sallyport completion bash|zsh|fish`: generated from the commands themselves, so it cannot lag behind them. */
export async function completion(terminal: Terminal, program: Command, shell: string): Promise<void> {
  const write = Object.hasOwn(SHELLS, shell) ? SHELLS[shell as keyof typeof SHELLS] : null;
  if (!write) throw callIsWrong(`there is no completion for ${JSON.stringify(shell)}: bash, zsh or fish`);
  terminal.output.write(write(placesOf(program, '')));
}

function placesOf(command: Command, path: string): Place[] {
  const options = command.options.flatMap(({ long, description }) =>
    long ? [{ word: long, about: description }] : [],
  );
  const commands = command.commands.map(sub => ({ word: sub.name(), about: sub.description() }));
  const words = [...commands, ...options, { word: '--help', about: 'what it does' }];
  return [{ path, words }, ...command.commands.flatMap(sub => placesOf(sub, `${path} ${sub.name()}`.trim()))];
}

const paths = (places: readonly Place[]): string =>
  places
    .filter(({ path }) => path !== '')
    .map(({ path }) => quoted(path))
    .join('|');

const quoted = (text: string): string => `'${text.replaceAll("'", `'\\''`)}'`;

/** Words that are no command of the tree (options, their values, arguments) leave the place where it is. */
const bash = (places: readonly Place[]): string => `# source <(sallyport completion bash)
_sallyport() {
  local at='' next i cur=\${COMP_WORDS[COMP_CWORD]} words=''
  for ((i = 1; i < COMP_CWORD; i++)); do
    next="\${at:+$at }\${COMP_WORDS[i]}"
    case "$next" in
      ${paths(places)}) at=$next ;;
    esac
  done
  case "$at" in
${places.map(({ path, words }) => `    ${quoted(path)}) words=${quoted(words.map(({ word }) => word).join(' '))} ;;`).join('\n')}
  esac
  COMPREPLY=($(compgen -W "$words" -- "$cur"))
}
complete -o default -F _sallyport sallyport
`;

const zsh = (places: readonly Place[]): string => `#compdef sallyport
# source <(sallyport completion zsh)
_sallyport() {
  local at='' next i
  local -a found
  for ((i = 2; i < CURRENT; i++)); do
    next="\${at:+$at }\${words[i]}"
    case "$next" in
      (${paths(places)}) at=$next ;;
    esac
  done
  case "$at" in
${places.map(({ path, words }) => `    (${quoted(path)}) found=(${words.map(described).join(' ')}) ;;`).join('\n')}
  esac
  _describe sallyport found
  _files
}
compdef _sallyport sallyport
`;

const described = ({ word, about }: { word: string; about: string }): string =>
  quoted(`${word}:${about.replaceAll(':', '\\:')}`);

const fish = (places: readonly Place[]): string => `# sallyport completion fish | source
function __sallyport_at
    set -l at
    for word in (commandline -opc)[2..-1]
        set -l next (string join ' ' -- $at $word)
        switch $next
            case ${places.flatMap(({ path }) => (path === '' ? [] : [fishQuoted(path)])).join(' ')}
                set at $at $word
        end
    end
    test (string join ' ' -- $at) = "$argv[1]"
end
${places
  .flatMap(({ path, words }) =>
    words.map(({ word, about }) => {
      const what = word.startsWith('--') ? `-l ${word.slice(2)}` : `-f -a ${word}`;
      return `complete -c sallyport -n ${fishQuoted(`__sallyport_at ${fishQuoted(path)}`)} ${what} -d ${fishQuoted(about)}`;
    }),
  )
  .join('\n')}
`;

const fishQuoted = (text: string): string => `'${text.replaceAll('\\', '\\\\').replaceAll("'", "\\'")}'`;

const SHELLS = { bash, zsh, fish } as const;
