// ONNX Runtime's side of a race (see racer.mjs): one inference of an ONNX file, batch 1.
//
//   node onnxruntime.mjs model.onnx folder threads [profile-prefix]
//
// `folder` holds case.json and input.bin as `Nabi.Bench race` writes them. The native session is called without the asynchronous wrapper around it,
// so that a run costs no trip through the event loop. With a prefix ONNX Runtime writes the time of every node to a file that begins so.
import { readFileSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { createInterface } from 'node:readline';
import path from 'node:path';
import { Tensor } from 'onnxruntime-common';

const { binding, initOrt } = createRequire(import.meta.url)(path.join('onnxruntime-node', 'dist', 'binding.js'));
const [model, folder, threads, profile] = process.argv.slice(2);
const { input, type, shape, output } = JSON.parse(readFileSync(path.join(folder, 'case.json'), 'utf8'));
const bytes = new Uint8Array(readFileSync(path.join(folder, 'input.bin'))).buffer;
const feeds = { [input]: new Tensor(type, type === 'int64' ? new BigInt64Array(bytes) : new Float32Array(bytes), shape) };

initOrt();
const session = new binding.InferenceSession();
session.loadModel(model, {
    intraOpNumThreads: Number(threads), interOpNumThreads: 1, executionMode: 'sequential', graphOptimizationLevel: 'all', logSeverityLevel: 3,
    ...(profile ? { enableProfiling: true, profileFilePrefix: profile } : {}),
});
const run = () => session.run(feeds, { [output]: null }, {})[output];

for (let i = 0; i < 3; i++) run();
console.log('{}');
for await (const line of createInterface({ input: process.stdin })) {
    const [word, argument] = line.split(' ', 2);
    if (word === 'run') {
        const times = [], end = process.hrtime.bigint() + BigInt(argument) * 1000000n;
        for (;;) {
            const start = process.hrtime.bigint();
            run();
            const now = process.hrtime.bigint();
            times.push((Number(now - start) / 1000).toFixed(1));
            if (now >= end) break;
        }
        console.log(times.join(' '));
    } else if (word === 'output') {
        const data = run().data;
        writeFileSync(argument, new Uint8Array(data.buffer, data.byteOffset, data.byteLength));
        console.log('written');
    }
}
if (profile) session.endProfiling();
