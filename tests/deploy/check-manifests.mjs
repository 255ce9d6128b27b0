// Checks Kubernetes manifests as strictly as an API server with field validation: the types of kubernetes-models find
// unknown fields, missing ones and wrong types; its schemas, generated from Kubernetes' OpenAPI and the Prometheus
// Operator's definitions, find values that are out of range.
//
// usage: node check-manifests.mjs FILE...      prints each mistake with its file and object; exit code 1 if there is any
import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import ts from 'typescript';
import { parseAllDocuments } from 'yaml';

const home = dirname(fileURLToPath(import.meta.url));
const packages = { 'monitoring.coreos.com/v1': '@kubernetes-models/prometheus-operator/monitoring.coreos.com/v1' };

const objects = process.argv.slice(2).flatMap(file => parseAllDocuments(readFileSync(file, 'utf8'), { uniqueKeys: true }).map(document => {
  if (document.errors.length > 0) throw new Error(`${file}: ${document.errors[0].message}`);
  const value = document.toJS();
  return { value, name: `${file}: ${value?.kind} ${value?.metadata?.name}`, module: packages[value?.apiVersion] ?? `kubernetes-models/${value?.apiVersion}` };
}));
const mistakes = [];

const options = { strict: true, noEmit: true, skipLibCheck: true, target: ts.ScriptTarget.ESNext, module: ts.ModuleKind.ESNext, moduleResolution: ts.ModuleResolutionKind.Bundler, types: [] };
const sources = new Map(objects.map(({ value, module }, index) => [join(home, `object-${index}.ts`),
  `import type { I${value.kind} } from '${module}/${value.kind}';\nexport const object: I${value.kind} =\n${JSON.stringify(value, null, 1)}\n`]));
const host = ts.createCompilerHost(options);
const { fileExists, getSourceFile } = host;
host.fileExists = name => sources.has(name) || fileExists(name);
host.getSourceFile = (name, ...rest) => sources.has(name) ? ts.createSourceFile(name, sources.get(name), ts.ScriptTarget.ESNext) : getSourceFile(name, ...rest);
for (const { file, start, messageText } of ts.getPreEmitDiagnostics(ts.createProgram([...sources.keys()], options, host))) {
  const line = file?.text.split('\n')[file.getLineAndCharacterOfPosition(start).line].trim().slice(0, 80);
  const index = [...sources.keys()].indexOf(file?.fileName);
  mistakes.push(`${objects[index]?.name ?? file?.fileName}: ${line}: ${ts.flattenDiagnosticMessageText(messageText, ' ').slice(0, 400)}`);
}

for (const { value, name, module } of objects) {
  try {
    const model = (await import(`${module}/${value.kind}`))[value.kind];
    new model(value).validate();
  } catch (error) {
    mistakes.push(`${name}: ${error.message}`);
  }
}

for (const mistake of mistakes) console.log(mistake);
process.exitCode = mistakes.length > 0 ? 1 : 0;
