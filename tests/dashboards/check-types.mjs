// Checks dashboards against the types of Grafana's own libraries.
//
// usage: node check-types.mjs DASHBOARD...      prints each mistake with its place in the file; exit code 1 if there is any
// A JSON file that is imported has wider types than what stands in it ("string" for every text), so each becomes a literal here.
import { readFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import ts from 'typescript';

const types = join(dirname(fileURLToPath(import.meta.url)), 'types');
const options = { strict: true, noEmit: true, skipLibCheck: true, target: ts.ScriptTarget.ESNext, module: ts.ModuleKind.ESNext, moduleResolution: ts.ModuleResolutionKind.Bundler, types: [] };

const BEFORE = "import type { Dashboard } from './dashboard';\nexport const dashboard: Dashboard =\n";
const sources = new Map(process.argv.slice(2).map((file, index) => [join(types, `${index}-${basename(file)}.ts`), { file, text: BEFORE + readFileSync(file, 'utf8') }]));

const host = ts.createCompilerHost(options);
const { fileExists, getSourceFile } = host;
host.fileExists = name => sources.has(name) || fileExists(name);
host.getSourceFile = (name, ...rest) => sources.has(name) ? ts.createSourceFile(name, sources.get(name).text, ts.ScriptTarget.ESNext) : getSourceFile(name, ...rest);

const program = ts.createProgram([...sources.keys()], options, host);
const mistakes = ts.getPreEmitDiagnostics(program);
for (const { file, start, messageText } of mistakes) {
  const line = file ? file.getLineAndCharacterOfPosition(start).line + 1 - 2 : 0;
  console.log(`${sources.get(file?.fileName)?.file ?? file?.fileName}:${line}: ${ts.flattenDiagnosticMessageText(messageText, ' ').slice(0, 600)}`);
}
process.exitCode = mistakes.length > 0 ? 1 : 0;
