import ts from 'typescript';
import { type Finding, lineAt, parse, type Source, walk } from './sources.ts';

/** The most lines a file and a function may have, blanks and comments included. Aim at half of the first and a third of the second. */
export const budgets = { fileLines: 300, functionLines: 70 };

/** Files and functions over budget. Functions inside functions count for themselves and for those around them. */
export function overBudget(source: Source): Finding[] {
  const tree = parse(source);
  const findings: Finding[] = [];
  const lines = source.text.trimEnd().split('\n').length;
  if (lines > budgets.fileLines) {
    const sentence = `${lines} lines, the budget is ${budgets.fileLines}: it is two things, find their names.`;
    findings.push({ file: source.file, line: 1, sentence });
  }
  walk(tree, (node) => {
    if (!isFunctionWithBody(node) || groupsTests(node)) return;
    const first = lineAt(tree, node.getStart(tree));
    const length = lineAt(tree, node.end) - first + 1;
    if (length <= budgets.functionLines) return;
    const sentence = `${nameOf(node)} has ${length} lines, the budget is ${budgets.functionLines}.`;
    findings.push({ file: source.file, line: first, sentence });
  });
  return findings;
}

function isFunctionWithBody(node: ts.Node): node is ts.FunctionLikeDeclaration {
  return ts.isFunctionLike(node) && 'body' in node && node.body !== undefined;
}

/** The callback of describe() holds tests as a file does: each test inside is measured, the group is not. */
function groupsTests(node: ts.Node): boolean {
  if (!ts.isCallExpression(node.parent) || node.parent.expression === node) return false;
  let callee: ts.Expression = node.parent.expression;
  while (ts.isPropertyAccessExpression(callee) || ts.isCallExpression(callee)) callee = callee.expression;
  return ts.isIdentifier(callee) && callee.text === 'describe';
}

function nameOf(node: ts.FunctionLikeDeclaration): string {
  const named = node.name ?? (ts.isVariableDeclaration(node.parent) ? node.parent.name : undefined);
  if (named) return named.getText();
  return ts.isConstructorDeclaration(node) ? 'The constructor' : 'A function';
}
