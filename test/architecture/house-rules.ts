import { bannedCalls } from './banned-calls.ts';
import { bannedNames } from './banned-names.ts';
import { overBudget } from './budgets.ts';
import { leftovers } from './leftovers.ts';
import { type Finding, readSources } from './sources.ts';

/** The checks on our sources that no other tool makes, by the heading under which `npm run check` prints them. */
export const houseRules: Record<string, (root: string) => Finding[]> = {
  'size budgets': (root) => readSources(root).flatMap(overBudget),
  'banned names': (root) => readSources(root).flatMap(({ file }) => bannedNames(file)),
  'banned calls': (root) => readSources(root).flatMap(bannedCalls),
  leftovers: (root) => readSources(root).flatMap(leftovers),
};
