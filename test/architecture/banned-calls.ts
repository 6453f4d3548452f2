import ts from 'typescript';
import { type Finding, isTestFile, lineAt, parse, type Source, walk } from './sources.ts';

interface Ban {
  /** What the code says, as in `Date.now` or `setTimeout`. */
  names: string[];
  instead: string;
  /** Which files the ban speaks of. */
  applies(file: string): boolean;
}

const underServer = (file: string): boolean => file.startsWith('server/src/');
const offPlatform = (file: string): boolean => underServer(file) && !file.startsWith('server/src/platform/');
const isCommandLine = (file: string): boolean => /^(server|simulator)\/src\/(main|demo)(\.ts$|\/)/.test(file);
const isProduct = (file: string): boolean => /^(server|simulator)\/src\//.test(file) && !isTestFile(file);

const bans: Ban[] = [
  {
    names: [
      'Date.now',
      'new Date()',
      'performance.now',
      'setTimeout',
      'setInterval',
      'timers.setTimeout',
      'timers.setInterval',
      'timers.scheduler',
    ],
    instead: 'take a Clock (server/src/platform/clock.ts), so that a test can stand still',
    applies: offPlatform,
  },
  {
    names: ['Math.random'],
    instead: 'take a Random (server/src/platform/random.ts), so that a run can be replayed',
    applies: offPlatform,
  },
  {
    names: ['process.exit', 'process.reallyExit', 'process.abort'],
    instead: 'release what is held, set process.exitCode and let the event loop empty',
    // The ends of a program, after everything has been released: a library of ours leaves timers behind.
    applies: (file) => !['server/src/main.ts', 'test/support/quick-program.ts'].includes(file),
  },
  {
    names: ['process.env'],
    instead: 'settings come from server/src/config/env.ts, the one reader of the environment',
    applies: (file) =>
      isProduct(file) && !['server/src/config/env.ts', 'simulator/src/main.ts'].includes(file),
  },
  {
    names: ['console'],
    instead: 'use the logger; only the command line speaks to the terminal',
    applies: (file) => isProduct(file) && !isCommandLine(file),
  },
];

/** Calls that the product makes through something else, each with what to use instead. */
export function bannedCalls(source: Source): Finding[] {
  const active = bans.filter((ban) => ban.applies(source.file));
  const tree = parse(source);
  const findings: Finding[] = [];
  walk(tree, (node) => {
    for (const name of namesIn(node)) {
      const ban = active.find((candidate) => candidate.names.includes(name));
      if (!ban) continue;
      const line = lineAt(tree, node.getStart(tree));
      findings.push({ file: source.file, line, sentence: `${name}: ${ban.instead}.` });
    }
  });
  return findings;
}

/** What a node stands for in the terms of the list above; nothing for most nodes. */
function namesIn(node: ts.Node): string[] {
  if (ts.isImportDeclaration(node)) return namesInImport(node);
  if (ts.isNewExpression(node))
    return isGlobal(node.expression, 'Date') && !node.arguments?.length ? ['new Date()'] : [];
  if (ts.isCallExpression(node)) {
    if (isGlobal(node.expression, 'Date')) return ['new Date()'];
    return isConsoleMethod(node.expression) ? ['console'] : [];
  }
  if (ts.isVariableDeclaration(node) && node.initializer && ts.isObjectBindingPattern(node.name)) {
    return namesInPattern(node.name, node.initializer);
  }
  const name = nameOfReference(node);
  // Assigning to console.info, which silences a library, reads the name too; calls were found above.
  return name === undefined || name === 'console' ? [] : [name];
}

/** `owner.member`, `owner['member']`, or a global used as a value. */
function nameOfReference(node: ts.Node): string | undefined {
  const member = memberOf(node);
  if (!member) return ts.isIdentifier(node) && isReference(node) ? node.text : undefined;
  if (isGlobal(member.owner, 'globalThis')) return member.name;
  return ts.isIdentifier(member.owner) ? `${member.owner.text}.${member.name}` : undefined;
}

function memberOf(node: ts.Node): { owner: ts.Expression; name: string } | undefined {
  if (ts.isPropertyAccessExpression(node)) return { owner: node.expression, name: node.name.text };
  if (ts.isElementAccessExpression(node) && ts.isStringLiteral(node.argumentExpression)) {
    return { owner: node.expression, name: node.argumentExpression.text };
  }
  return undefined;
}

/** Node's modules under the names of the globals that they contain. */
const globalOfModule: Record<string, string> = {
  process: 'process',
  perf_hooks: 'performance',
  timers: 'timers',
  'timers/promises': 'timers',
};

/** `import { env } from 'node:process'` reads the environment as `process.env` does. */
function namesInImport(node: ts.ImportDeclaration): string[] {
  const clause = node.importClause;
  if (!ts.isStringLiteral(node.moduleSpecifier) || clause?.phaseModifier === ts.SyntaxKind.TypeKeyword)
    return [];
  const owner = globalOfModule[node.moduleSpecifier.text.replace(/^node:/, '')];
  const bindings = clause?.namedBindings;
  if (!owner || !bindings || !ts.isNamedImports(bindings)) return [];
  return bindings.elements.map((element) => `${owner}.${(element.propertyName ?? element.name).text}`);
}

function namesInPattern(pattern: ts.ObjectBindingPattern, from: ts.Expression): string[] {
  if (!ts.isIdentifier(from)) return [];
  return pattern.elements.map(
    (element) => `${from.text}.${(element.propertyName ?? element.name).getText()}`,
  );
}

/** Whether a callee is a method of the console. */
function isConsoleMethod(callee: ts.Expression): boolean {
  const member = memberOf(callee);
  return member !== undefined && isGlobal(member.owner, 'console');
}

function isGlobal(node: ts.Node, name: string): boolean {
  if (ts.isIdentifier(node)) return node.text === name;
  const member = memberOf(node);
  return member !== undefined && member.name === name && isGlobal(member.owner, 'globalThis');
}

/** Whether an identifier reads a variable, rather than naming a property, a parameter or a type. */
function isReference(node: ts.Identifier): boolean {
  const { parent } = node;
  if (ts.isExpressionStatement(parent)) return true;
  if (ts.isPropertyAccessExpression(parent)) return parent.expression === node;
  if (ts.isTypeNode(parent) || ts.isImportSpecifier(parent) || ts.isQualifiedName(parent)) return false;
  return !('name' in parent && parent.name === node) || ts.isShorthandPropertyAssignment(parent);
}
