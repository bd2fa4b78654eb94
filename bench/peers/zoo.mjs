// Every network of the zoo at its paper's size, exported to ONNX: does ONNX Runtime compute what Nabi computes?
//
//   node zoo.mjs [network ...]
//
// Wants a release build of bench/Nabi.Bench. Prints a Markdown table and ends with 1 when a difference passes 1e-4 of the largest output.
import { mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { execFileSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import os from 'node:os';
import path from 'node:path';
import ort from 'onnxruntime-node';

const tolerance = 1e-4;
const root = path.join(path.dirname(fileURLToPath(import.meta.url)), '..', '..');
const binaries = path.join(root, 'bench', 'Nabi.Bench', 'bin', 'Release', 'net10.0');
const quiet = { stdio: ['ignore', 'pipe', 'ignore'], maxBuffer: 1 << 28 };
const names = process.argv.length > 2 ? process.argv.slice(2)
    : JSON.parse(execFileSync('dotnet', [path.join(binaries, 'nabi.dll'), 'models', '--json'], quiet)).map(m => m.name);
const folder = mkdtempSync(path.join(os.tmpdir(), 'nabi-oracle-'));
const floats = file => { const b = readFileSync(path.join(folder, file)); return new Float32Array(b.buffer, b.byteOffset, b.length / 4); };

let failed = 0;
console.log('| network | ONNX bytes | outputs | largest | largest difference | relative |\n|---|---:|---:|---:|---:|---:|');
for (const name of names) {
    try {
        execFileSync('dotnet', [path.join(binaries, 'Nabi.Bench.dll'), 'oracle', name, folder], { stdio: ['ignore', 'ignore', 'pipe'] });
        const model = path.join(folder, 'model.onnx');
        const { input, type, shape, output } = JSON.parse(readFileSync(path.join(folder, 'case.json')));
        const bytes = readFileSync(path.join(folder, 'input.bin'));
        const data = type === 'int64' ? new BigInt64Array(new Uint8Array(bytes).buffer) : new Float32Array(new Uint8Array(bytes).buffer);
        const session = await ort.InferenceSession.create(model, { intraOpNumThreads: 1, logSeverityLevel: 3 });
        const actual = (await session.run({ [input]: new ort.Tensor(type, data, shape) }))[output].data;
        await session.release();
        const expected = floats('output.bin');
        let largest = 0, difference = expected.length === actual.length ? 0 : Infinity;
        for (let i = 0; i < expected.length; i++) {
            largest = Math.max(largest, Math.abs(expected[i]));
            difference = Math.max(difference, Math.abs(expected[i] - actual[i]));
        }
        const relative = difference / largest;
        if (!(relative <= tolerance)) failed++;
        console.log(`| ${name} | ${statSync(model).size} | ${expected.length} | ${largest.toPrecision(3)} | ${difference.toExponential(1)} | ${relative.toExponential(1)}${relative <= tolerance ? '' : ' **too far**'} |`);
    } catch (e) {
        failed++;
        console.log(`| ${name} | **failed**: ${String(e.stderr ?? e.message).trim().split('\n')[0].slice(0, 200)} | | | | |`);
    }
}
rmSync(folder, { recursive: true });
console.log(`\n${names.length - failed} of ${names.length} within ${tolerance} (onnxruntime-node).`);
process.exit(failed ? 1 : 0);
