import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import ts from 'typescript';

/** One source file of ours; `file` is relative to the repository's root, with forward slashes. */
export interface Source {
  file: string;
  text: string;
}

/** Something that a check found, where it is, and what to do about it. */
export interface Finding {
  file: string;
  line: number;
  sentence: string;
}

const sourceExtensions = ['.ts', '.tsx', '.mjs'];
const foreignFolders = new Set(['node_modules', 'dist', 'data']);

/** Every TypeScript and JavaScript file of ours under `root`; installed, built and hidden folders are not ours. */
export function readSources(root: string): Source[] {
  return readdirSync(root, { withFileTypes: true, recursive: false })
    .filter(
      (entry) => !(entry.isDirectory() && (entry.name.startsWith('.') || foreignFolders.has(entry.name))),
    )
    .flatMap((entry) => (entry.isDirectory() ? filesUnder(root, entry.name) : [entry.name]))
    .filter((file) => sourceExtensions.some((extension) => file.endsWith(extension)))
    .sort()
    .map((file) => ({ file, text: readFileSync(path.join(root, file), 'utf8') }));
}

function filesUnder(root: string, folder: string): string[] {
  return readdirSync(path.join(root, folder), { withFileTypes: true }).flatMap((entry) => {
    const file = `${folder}/${entry.name}`;
    if (!entry.isDirectory()) return [file];
    return entry.name === 'node_modules' || entry.name === 'dist' ? [] : filesUnder(root, file);
  });
}

/** The syntax tree of a source, with parent links. */
export function parse({ file, text }: Source): ts.SourceFile {
  return ts.createSourceFile(file, text, ts.ScriptTarget.Latest, true);
}

/** Calls `visit` for a node and everything below it. */
export function walk(node: ts.Node, visit: (node: ts.Node) => void): void {
  visit(node);
  ts.forEachChild(node, (child) => walk(child, visit));
}

/** The line of a position, counted from 1. */
export function lineAt(tree: ts.SourceFile, position: number): number {
  return tree.getLineAndCharacterOfPosition(position).line + 1;
}

/** Whether a file holds tests or support for tests. */
export function isTestFile(file: string): boolean {
  return file.endsWith('.test.ts') || file.endsWith('.test.tsx') || /^(simulator\/)?test\//.test(file);
}
