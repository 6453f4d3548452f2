import { type ParseArgsConfig, parseArgs } from 'node:util';
import { SambadError } from './errors.ts';

/** One flag of a command: `value` names what follows it, and is absent for a switch. */
export interface Flag {
  value?: string;
  help: string;
}

/** What was given: a text for a flag with a value, true for a switch. */
export type Flags<Name extends string> = Partial<Record<Name, string | true>>;

/**
 * Reads a command's flags. Throws `bad_input` with a sentence that names the known flags for an unknown one, a missing value or a
 * stray word.
 */
export function parseFlags<Name extends string>(
  args: readonly string[],
  known: Record<Name, Flag>,
): Flags<Name> {
  const names = Object.keys(known) as Name[];
  const options: NonNullable<ParseArgsConfig['options']> = {};
  for (const name of names) options[name] = { type: known[name].value === undefined ? 'boolean' : 'string' };
  const { tokens } = parseArgs({
    args: [...args],
    options,
    strict: false,
    tokens: true,
    allowPositionals: true,
  });
  const given: Flags<Name> = {};
  for (const token of tokens) {
    if (token.kind === 'option-terminator') continue;
    const name = token.kind === 'option' ? names.find((candidate) => candidate === token.name) : undefined;
    if (token.kind === 'positional' || name === undefined) {
      const word = token.kind === 'positional' ? `"${token.value}"` : token.rawName;
      throw new SambadError(
        'bad_input',
        `${word} is not known here; the flags are ${names.map((flag) => `--${flag}`).join(', ')}.`,
      );
    }
    const wantsValue = known[name].value !== undefined;
    if (wantsValue && (token.value === undefined || token.value === '')) {
      throw new SambadError('bad_input', `--${name} needs a value: --${name} ${known[name].value}.`, {
        field: name,
      });
    }
    if (!wantsValue && token.value !== undefined)
      throw new SambadError('bad_input', `--${name} takes no value.`, { field: name });
    given[name] = token.value ?? true;
  }
  return given;
}

/** The flags as lines of a help text. */
export function describeFlags(known: Record<string, Flag>): string {
  const lines = Object.entries(known).map(([name, flag]) => [
    `--${name}${flag.value === undefined ? '' : ` ${flag.value}`}`,
    flag.help,
  ]);
  const width = Math.max(...lines.map(([left]) => left?.length ?? 0));
  return lines.map(([left, right]) => `  ${left?.padEnd(width)}  ${right}`).join('\n');
}

/** A flag's value as a whole number within bounds. Throws `bad_input` with a sentence. */
export function wholeNumber(
  flag: string,
  text: string | true | undefined,
  standard: number,
  bounds: { min: number; max: number },
): number {
  if (text === undefined) return standard;
  const number = typeof text === 'string' && /^\d+$/.test(text) ? Number(text) : Number.NaN;
  if (number >= bounds.min && number <= bounds.max) return number;
  throw new SambadError(
    'bad_input',
    `--${flag} must be a whole number from ${bounds.min} to ${bounds.max}, and is "${text}".`,
    { field: flag },
  );
}
