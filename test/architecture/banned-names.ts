import type { Finding } from './sources.ts';

/** Words that name no concept. A file called so collects whatever nobody found a place for. */
const emptyWords = new Set(
  'utils util helpers helper manager managers common misc stuff bak improved legacy old optimized unified ultra'.split(
    ' ',
  ),
);

const kebabCase = /^[a-z0-9]+(-[a-z0-9]+)*$/;

/** What is wrong with the name of a source file or of a folder above it. */
export function bannedNames(file: string): Finding[] {
  const findings: Finding[] = [];
  for (const segment of file.split('/')) {
    for (const part of segment.split('.').filter((part) => part !== '')) {
      const empty = part.split('-').find((word) => emptyWords.has(word) || /^v\d+$/.test(word));
      if (empty) findings.push({ file, line: 1, sentence: `"${empty}" says nothing: name what is in it.` });
      if (!kebabCase.test(part))
        findings.push({ file, line: 1, sentence: `"${part}" is not in kebab-case.` });
    }
  }
  return findings;
}
