// Racers are processes that run one model and are asked in turn for bursts of runs: what slows the machine down for a while slows all of them down,
// so that the ratios of their medians hold. A racer says one line of JSON when it is ready, then answers each line with one line; "run 300" with the
// microseconds of every run in 300 ms.
import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import os from 'node:os';
import path from 'node:path';

export const here = path.dirname(fileURLToPath(import.meta.url));
const binary = path.join(here, '..', 'Nabi.Bench', 'bin', 'Release', 'net10.0', 'Nabi.Bench.dll');
export const calm = 0.1; // the part of the runs that other load on the machine disturbs least
const warmUp = 1000; // milliseconds before the first burst that counts: code is compiled, clocks rise
const pause = 5; // milliseconds between bursts, for the system to settle

export class Racer {
    static async start(name, command, args, options = {}) {
        const racer = new Racer();
        racer.name = name;
        racer.times = [];
        racer.process = spawn(command, args, { stdio: ['pipe', 'pipe', 'pipe'], ...options });
        racer.errors = '';
        racer.process.stderr.on('data', text => { racer.errors += text; });
        racer.lines = createInterface({ input: racer.process.stdout })[Symbol.asyncIterator]();
        racer.about = JSON.parse(await racer.answer());
        return racer;
    }

    async answer() {
        const { value, done } = await this.lines.next();
        if (!done) return value;
        throw new Error(`${this.name} ended: ${this.errors.trim().split('\n')[0]}`);
    }

    // Stopped between its answers: threads that spin while they wait (OpenMP's do for long) would take a core from the others.
    async ask(line) {
        this.process.kill('SIGCONT');
        await sleep(pause);
        this.process.stdin.write(`${line}\n`);
        const answer = await this.answer();
        this.process.kill('SIGSTOP');
        return answer;
    }

    async burst(milliseconds, counts = true) {
        const times = (await this.ask(`run ${milliseconds}`)).split(' ').map(t => t / 1000);
        if (counts) this.times.push(...times);
    }

    // Milliseconds that this part of all runs stays below.
    quantile(part) {
        const sorted = Float64Array.from(this.times).sort();
        return sorted[Math.min(sorted.length - 1, Math.floor(part * sorted.length))];
    }

    get median() { return this.quantile(0.5); }

    get residentMegabytes() {
        return Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${this.process.pid}/status`, 'utf8'))[1]) / 1024;
    }

    end() {
        this.process.kill('SIGCONT');
        this.process.stdin.end();
        return new Promise(resolve => this.process.once('exit', resolve));
    }
}

// Nabi's side: see bench/Nabi.Bench/Peers/Racer.cs.
export const nabi = (name, ...args) => Racer.start(name, 'dotnet', [binary, 'racer', ...args.map(String)]);
export const bench = (...args) => ['dotnet', [binary, ...args.map(String)]];

// A second of each to warm up, then `bursts` of each in turn.
export async function race(racers, bursts, milliseconds) {
    for (const racer of racers) await racer.burst(Math.max(warmUp, milliseconds), false);
    for (let i = 0; i < bursts; i++)
        for (const racer of i % 2 ? racers.toReversed() : racers) await racer.burst(milliseconds);
}

export const geometricMean = ratios => Math.exp(ratios.reduce((sum, r) => sum + Math.log(r), 0) / ratios.length);
export const ms = t => t < 1 ? t.toFixed(3) : t < 10 ? t.toFixed(2) : t.toFixed(1);
export const machine = () => `${/model name\s*:\s*(.*)/.exec(readFileSync('/proc/cpuinfo', 'utf8'))?.[1] ?? os.arch()}, ${os.cpus().length} cores, load average ${os.loadavg()[0].toFixed(1)}`;

// Arguments: words, and --name value or --name for those listed in flags.
export function parse(words, flags = []) {
    const parsed = { words: [] };
    for (let i = 0; i < words.length; i++) {
        if (!words[i].startsWith('--')) parsed.words.push(words[i]);
        else if (flags.includes(words[i].slice(2))) parsed[words[i].slice(2)] = true;
        else parsed[words[i].slice(2)] = words[++i];
    }
    return parsed;
}
