import ts from 'typescript';
import { type Finding, lineAt, parse, type Source, walk } from './sources.ts';

const unfinished = /\b(TODO|FIXME|XXX|HACK)\b/;
const silenced = /@ts-(ignore|nocheck)/;
const narrowing = new Set(['only', 'skip', 'todo', 'fails']);
const testFunctions = new Set(['test', 'it', 'describe', 'suite', 'bench']);

/** Traces of work that is not finished: notes in comments, silenced checks, tests that are switched off or alone. */
export function leftovers(source: Source): Finding[] {
  const tree = parse(source);
  const findings: Finding[] = [];
  const report = (position: number, sentence: string): void => {
    findings.push({ file: source.file, line: lineAt(tree, position), sentence });
  };
  for (const { position, text } of commentsOf(tree)) {
    const note = unfinished.exec(text)?.[0];
    if (note) report(position, `${note}: do it, or leave it absent and say so in an issue.`);
    const mark = silenced.exec(text)?.[0];
    if (mark) report(position, `${mark}: the check is right more often than the code.`);
  }
  walk(tree, (node) => {
    if (!ts.isPropertyAccessExpression(node) || !narrowing.has(node.name.text)) return;
    if (testFunctions.has(rootOf(node)))
      report(node.getStart(tree), `.${node.name.text}: a test runs, or is deleted.`);
  });
  return findings;
}

/** Comments are found between tokens, so that a string which looks like one is left alone. */
function commentsOf(tree: ts.SourceFile): { position: number; text: string }[] {
  const comments = new Map<number, string>();
  const collect = (ranges: ts.CommentRange[] | undefined): void => {
    for (const { pos, end } of ranges ?? []) comments.set(pos, tree.text.slice(pos, end));
  };
  const visit = (node: ts.Node): void => {
    if (ts.isJsxText(node)) return;
    collect(ts.getLeadingCommentRanges(tree.text, node.getFullStart()));
    collect(ts.getTrailingCommentRanges(tree.text, node.end));
    for (const child of node.getChildren(tree)) visit(child);
  };
  visit(tree);
  return [...comments].map(([position, text]) => ({ position, text }));
}

function rootOf(node: ts.Expression): string {
  let root: ts.Node = node;
  while (ts.isPropertyAccessExpression(root) || ts.isCallExpression(root)) root = root.expression;
  return ts.isIdentifier(root) ? root.text : '';
}
