import { existsSync } from 'node:fs';
import path from 'node:path';
import { cruise, type ICruiseResult, type IForbiddenRuleType } from 'dependency-cruiser';
import configuration from '../../.dependency-cruiser.mjs';

export interface BrokenImport {
  rule: string;
  from: string;
  to: string;
}

/** The names of the rules in .dependency-cruiser.mjs. */
export const ruleNames: readonly string[] = (configuration.forbidden ?? []).map(
  (rule) => rule.name ?? 'unnamed',
);

/** Why a rule exists, as .dependency-cruiser.mjs says it. */
export function reasonFor(ruleName: string): string {
  return configuration.forbidden?.find((rule) => rule.name === ruleName)?.comment ?? 'no reason given';
}

const cruisedFolders = ['server', 'simulator', 'bench', 'test', 'scripts'];

/** Applies the import rule to a tree laid out like this repository; one entry per rule and wrong import. */
export async function brokenImports(root: string): Promise<BrokenImport[]> {
  const folders = cruisedFolders.filter((folder) => existsSync(path.join(root, folder)));
  const { output } = await cruise(folders, {
    ...configuration.options,
    baseDir: root,
    validate: true,
    ruleSet: { forbidden: (configuration.forbidden ?? []) as IForbiddenRuleType[] },
  });
  if (typeof output === 'string') throw new Error('dependency-cruiser returned a text instead of a result');
  return violationsOf(output);
}

function violationsOf(result: ICruiseResult): BrokenImport[] {
  return result.summary.violations.map(({ rule, from, to }) => ({ rule: rule.name, from, to }));
}
