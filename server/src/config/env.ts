import { type SettingName, settings } from './settings.ts';

/** The settings that were given, as texts. An empty one counts as not given. */
export type Environment = Partial<Record<SettingName, string>>;

/** The only place that reads the environment of the process. */
export function readEnvironment(source: Record<string, string | undefined> = process.env): Environment {
  const environment: Environment = {};
  for (const name of Object.keys(settings) as SettingName[]) {
    const text = source[name]?.trim();
    if (text) environment[name] = text;
  }
  return environment;
}
