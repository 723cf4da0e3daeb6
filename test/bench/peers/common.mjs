// What the peers' scripts share: connections, clocks, figures.

import pg from 'pg';
import { spawn } from 'node:child_process';
import { performance } from 'node:perf_hooks';

export const connection = {
	host: process.env.PGHOST,
	port: Number(process.env.PGPORT),
	user: process.env.PGUSER,
	database: process.env.PGDATABASE,
};

export function makePool(max) {
	const pool = new pg.Pool({ ...connection, max });
	// Connections that end with the process are no errors.
	pool.on('error', () => {});
	pool.on('connect', (client) => client.on('error', () => {}));
	return pool;
}

// Milliseconds since 1970, to the microsecond: the server's clock is the same.
export function now() {
	return performance.timeOrigin + performance.now();
}

export function sleep(ms) {
	return new Promise((resolve) => setTimeout(resolve, ms));
}

export function percentile(numbers, p) {
	const sorted = [...numbers].sort((a, b) => a - b);
	return sorted[Math.min(sorted.length - 1, Math.floor(p * sorted.length))];
}

// "p50 p99" in milliseconds.
export function printDelays(delays) {
	console.log(`${percentile(delays, 0.5).toFixed(3)} ${percentile(delays, 0.99).toFixed(3)}`);
}

// Starts this script so many times with these arguments, each of which prints what it did as JSON:
// first and last instant, and the number of jobs. Prints jobs a second of all; they must be `count`.
export async function printRate(processes, count, args) {
	const shares = await Promise.all(Array.from({ length: processes }, () => startProcess(args)));
	const busy = shares.filter((share) => share.jobs > 0);
	const jobs = busy.reduce((sum, share) => sum + share.jobs, 0);
	const first = Math.min(...busy.map((share) => share.first));
	const last = Math.max(...busy.map((share) => share.last));

	if (jobs < count)
		throw new Error(`of ${count} jobs ${jobs} were done`);
	console.log(Math.round((1000 * jobs) / (last - first)));
}

function startProcess(args) {
	return new Promise((resolve, reject) => {
		const child = spawn(process.execPath, [process.argv[1], ...args.map(String)], { stdio: ['ignore', 'pipe', 'inherit'] });
		let output = '';

		child.stdout.on('data', (data) => (output += data));
		child.on('exit', () => {
			try {
				resolve(JSON.parse(output));
			} catch (error) {
				reject(error);
			}
		});
	});
}

// One job at a time: `enqueue(n)` makes it, and the handler calls `handled(n)`. The time between.
export function makeStopwatch() {
	const waiting = new Map();

	return {
		handled(n) {
			waiting.get(n)?.(now());
		},
		async measure(n, enqueue) {
			const handled = new Promise((resolve) => waiting.set(n, resolve));
			const began = now();

			await enqueue(n);
			return (await handled) - began;
		},
	};
}

// Samples of a stopwatch, with pauses of 5 to 20 ms, after a second and a half of rest.
export async function sampleDelays(samples, stopwatch, enqueue) {
	const delays = [];

	await sleep(1500);
	for (let n = -20; n < samples; n++) {
		const delay = await stopwatch.measure(n, enqueue);
		if (n >= 0)
			delays.push(delay);
		await sleep(5 + (n & 15));
	}
	return delays;
}
