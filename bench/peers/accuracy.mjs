// Accuracy of an ONNX file over a whole test set in ONNX Runtime.
//
//   node accuracy.mjs model.onnx images labels [--labels-out file]
//
// `images` is an IDX file of [n, rows, columns] bytes (plain or .gz), or a CIFAR binary batch (.bin, then `labels` is "-").
// Normalization is read from the model's own metadata with `nabi inspect --json` next to this checkout.
import { readFileSync, writeFileSync } from 'node:fs';
import { gunzipSync } from 'node:zlib';
import { execFileSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import path from 'node:path';
import ort from 'onnxruntime-node';

const [model, images, labels, ...rest] = process.argv.slice(2);
const root = path.join(path.dirname(fileURLToPath(import.meta.url)), '..', '..');
const info = JSON.parse(execFileSync(path.join(root, 'nabi'), ['inspect', '--json', model], { stdio: ['ignore', 'pipe', 'ignore'], maxBuffer: 1 << 28 }));
const numbers = text => text ? text.split(',').map(Number) : null;
const mean = numbers(info.metadata['nabi.input.mean']) ?? [0];
const std = numbers(info.metadata['nabi.input.std']) ?? [1];

const bytes = file => { const b = readFileSync(file); return file.endsWith('.gz') ? gunzipSync(b) : b; };
let data, truth, shape;
if (images.endsWith('.bin')) {
    const raw = bytes(images), record = 3073, n = raw.length / record;
    shape = [n, 3, 32, 32];
    data = new Uint8Array(n * 3072);
    truth = new Uint8Array(n);
    for (let i = 0; i < n; i++) {
        truth[i] = raw[i * record];
        data.set(raw.subarray(i * record + 1, (i + 1) * record), i * 3072);
    }
} else {
    const raw = bytes(images);
    shape = [raw.readUInt32BE(4), 1, raw.readUInt32BE(8), raw.readUInt32BE(12)];
    data = raw.subarray(16);
    truth = bytes(labels).subarray(8);
}

const [n, c, h, w] = shape, plane = h * w, size = c * plane, batch = 100;
const session = await ort.InferenceSession.create(model, { intraOpNumThreads: 1, logSeverityLevel: 3 });
let correct = 0;
const predicted = new Uint8Array(n);
for (let start = 0; start < n; start += batch) {
    const count = Math.min(batch, n - start);
    const x = new Float32Array(count * size);
    for (let i = 0; i < x.length; i++) {
        const channel = Math.floor(i / plane) % c;
        x[i] = Math.fround(Math.fround(Math.fround(data[start * size + i] / 255) - Math.fround(mean[channel % mean.length])) / Math.fround(std[channel % std.length]));
    }
    const result = await session.run({ [session.inputNames[0]]: new ort.Tensor('float32', x, [count, c, h, w]) });
    const logits = result[session.outputNames[0]].data, classes = logits.length / count;
    for (let i = 0; i < count; i++) {
        let best = 0;
        for (let k = 1; k < classes; k++) if (logits[i * classes + k] > logits[i * classes + best]) best = k;
        predicted[start + i] = best;
        if (best === truth[start + i]) correct++;
    }
}
if (rest[0] === '--labels-out') writeFileSync(rest[1], predicted);
console.log(JSON.stringify({ model, runtime: `onnxruntime-node ${ort.env.versions?.node ?? ''}`.trim(), samples: n, accuracy: correct / n }));
