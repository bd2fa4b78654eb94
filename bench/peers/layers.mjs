// Layer by layer against ONNX Runtime: where the time that a race shows is lost.
//
//   node layers.mjs [--int8] [--threads 1] [--rounds 5] [--top 12] [network ...]
//
// Nabi's steps and ONNX Runtime's nodes keep the names of the graph's nodes through fusion and meet by them. Both are profiled in turn; a time is the
// least of the rounds' medians. Prints for each network the steps that lose most, and what has no partner on the other side.
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { bench, here, machine, nabi, parse, Racer } from './racer.mjs';

const options = parse(process.argv.slice(2), ['int8']);
const [threads, rounds, top] = [Number(options.threads ?? 1), Number(options.rounds ?? 5), Number(options.top ?? 12)];
const model = options.int8 ? 'int8.onnx' : 'model.onnx';
const median = values => values.toSorted((a, b) => a - b)[values.length >> 1];

// Least of the medians of `rounds` equal parts of a node's times.
function least(times) {
    const size = Math.max(1, Math.floor(times.length / rounds));
    let best = Infinity;
    for (let at = 0; at + size <= times.length; at += size) best = Math.min(best, median(times.slice(at, at + size)));
    return best;
}

// ONNX Runtime appends to a node's name what it made of it.
const plain = name => name.replace(/\/.*$/, '').replace(/(_nchwc|_token_\d+)$/, '');

function nodesOf(file) {
    const nodes = new Map();
    for (const { cat, name, dur, args } of JSON.parse(readFileSync(file, 'utf8'))) {
        if (cat !== 'Node' || !name.endsWith('_kernel_time')) continue;
        const full = name.slice(0, -'_kernel_time'.length);
        if (!nodes.has(full)) nodes.set(full, { name: plain(full), op: args.op_name, times: [] });
        nodes.get(full).times.push(dur);
    }
    return [...nodes.values()].map(n => ({ ...n, microseconds: least(n.times) }));
}

async function compare(name) {
    const folder = mkdtempSync(path.join(os.tmpdir(), 'nabi-layers-'));
    const file = f => path.join(folder, f);
    const [command, args] = bench('race', name, folder);
    execFileSync(command, args, { stdio: ['ignore', 'ignore', 'pipe'] });
    const peer = await Racer.start('ONNX Runtime', 'node', [path.join(here, 'onnxruntime.mjs'), file(model), folder, String(threads), file('profile')]);
    const own = await nabi('Nabi', 'infer', file(model), file('input.bin'), threads);
    let steps = null;
    for (let round = 0; round < rounds; round++) {
        await peer.burst(300);
        const profile = JSON.parse(await own.ask('profile'));
        if (steps) steps.forEach((s, i) => { s.microseconds = Math.min(s.microseconds, profile[i].microseconds); });
        else steps = profile;
    }
    await Promise.all([peer.end(), own.end()]);
    const nodes = nodesOf(file(readdirSync(folder).find(f => f.startsWith('profile'))));
    rmSync(folder, { recursive: true });
    for (const step of steps) {
        const parts = new Set(step.name.split('+'));
        const partners = nodes.filter(n => parts.has(n.name));
        partners.forEach(n => { n.isMet = true; });
        step.partner = partners.reduce((sum, n) => sum + n.microseconds, 0);
        step.loss = step.microseconds - step.partner;
    }
    show(name, steps, nodes);
}

function show(name, steps, nodes) {
    const sum = list => list.reduce((total, s) => total + s.microseconds, 0);
    console.log(`\n## ${name}${options.int8 ? ' int8' : ''}, ${threads} thread${threads > 1 ? 's' : ''}: Nabi ${sum(steps).toFixed(0)} us, ONNX Runtime ${sum(nodes).toFixed(0)} us\n`);
    console.log('| kernel | layer | Nabi us | ONNX Runtime us | lost us | GFLOP/s |\n|---|---|---:|---:|---:|---:|');
    for (const s of steps.toSorted((a, b) => b.loss - a.loss).slice(0, top))
        console.log(`| ${s.kernel} | ${s.name} | ${s.microseconds.toFixed(1)} | ${s.partner || '-'} | ${s.loss.toFixed(1)} | ${s.macs ? (2e-3 * s.macs / s.microseconds).toFixed(1) : ''} |`);
    const kernels = Map.groupBy ? [...Map.groupBy(steps, s => s.kernel)] : [...steps.reduce((m, s) => m.set(s.kernel, [...m.get(s.kernel) ?? [], s]), new Map())];
    console.log(`\nBy kernel: ${kernels.map(([kernel, some]) => ({ kernel, lost: some.reduce((t, s) => t + s.loss, 0), time: sum(some) })).sort((a, b) => b.lost - a.lost)
        .map(k => `${k.kernel} ${k.time.toFixed(0)} us (${k.lost >= 0 ? '+' : ''}${k.lost.toFixed(0)})`).join(', ')}.`);
    const alone = nodes.filter(n => !n.isMet);
    if (alone.length) console.log(`\nONNX Runtime alone: ${alone.toSorted((a, b) => b.microseconds - a.microseconds).slice(0, 8).map(n => `${n.op} ${n.name} ${n.microseconds} us`).join(', ')}.`);
}

console.log(`# Layers against ONNX Runtime\n\n${machine()} at the start.`);
for (const name of options.words) await compare(name);
console.log(`\nLoad average ${os.loadavg()[0].toFixed(1)} at the end.`);
process.exit();
