// Copies the page's libraries from their packages to src/NexusBackupAgent/Http/Web/vendor, or compares them.
//
// usage: node tests/web/vendor.mjs [--check]     after npm ci in tests/web
//
// A browser does not know what "preact" is, and a map that tells it would be an inline script, which the page's
// Content-Security-Policy forbids. So each `from"preact"` becomes `from"./preact.js"`; nothing else is changed but the
// last line, which names a source map that is not shipped.
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const here = dirname(fileURLToPath(import.meta.url));
const target = join(here, '../../src/NexusBackupAgent/Http/Web/vendor');
const modules = {
    'preact': ['preact.js', 'preact/dist/preact.mjs'],
    'preact/hooks': ['hooks.js', 'preact/hooks/dist/hooks.mjs'],
    'htm': ['htm.js', 'htm/dist/htm.mjs'],
    '@preact/signals-core': ['signals-core.js', '@preact/signals-core/dist/signals-core.mjs'],
    '@preact/signals': ['signals.js', '@preact/signals/dist/signals.mjs'],
};
const packages = ['preact', 'htm', '@preact/signals', '@preact/signals-core'];

const read = path => readFileSync(join(here, 'node_modules', path), 'utf8');

function moduleOf([, path]) {
    return read(path)
        .replace(/\b(from|import)"([^"]+)"/g, (_, word, name) => {
            if (!modules[name]) throw new Error(`${path} imports ${name}, which is not vendored`);
            return `${word}"./${modules[name][0]}"`;
        })
        .replace(/\n?\/\/# sourceMappingURL=.*\s*$/, '\n');
}

const licences = packages.map(name => {
    const { version, license } = JSON.parse(read(`${name}/package.json`));
    return `${name} ${version} (${license})\n\n${read(`${name}/LICENSE`).trim()}\n`;
}).join(`\n${'-'.repeat(80)}\n\n`);

const wanted = { 'LICENSES.txt': licences };
for (const module of Object.values(modules)) wanted[module[0]] = moduleOf(module);

if (process.argv[2] === '--check') {
    const different = Object.keys(wanted).filter(name => {
        try {
            return readFileSync(join(target, name), 'utf8') !== wanted[name];
        } catch {
            return true;
        }
    });
    if (different.length > 0) {
        console.error(`not as in the packages: ${different.join(', ')}; next: node tests/web/vendor.mjs`);
        process.exit(1);
    }
} else {
    mkdirSync(target, { recursive: true });
    for (const [name, text] of Object.entries(wanted)) writeFileSync(join(target, name), text);
}
