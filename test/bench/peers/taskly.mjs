// taskly as the peers are measured: from the call of a client to the start of the command.
//
//   node taskly.mjs delay SAMPLES        prints p50 and p99, ms; needs a task "no-op"

import { makePool, now, printDelays, sleep } from './common.mjs';

const samples = Number(process.argv[3]);
const pool = makePool(1);
const calls = [];
const delays = [];

await sleep(1500);
for (let n = -20; n < samples; n++) {
	const began = now();
	const { rows } = await pool.query({ name: 'enqueue', text: `SELECT taskly.enqueue('no-op') AS run_id` });
	calls.push({ n, began, run: rows[0].run_id });
	await sleep(5 + (n & 15));
}
await sleep(500);
for (const { n, began, run } of calls) {
	const { rows } = await pool.query('SELECT 1000 * extract(epoch FROM started_at) AS at FROM taskly.finished_run WHERE run_id = $1', [run]);
	if (n >= 0)
		delays.push(Number(rows[0].at) - began);
}
printDelays(delays);
process.exit(0);
