// graphile-worker beside taskly.
//
//   node graphile.mjs drain JOBS single|batched PROCESSES     prints jobs a second
//   node graphile.mjs delay SAMPLES                           prints p50 and p99, ms
//
// batched: a local queue, completions together: what it has that is fastest. It may do a job again
// after a crash that it had done.

import { run, runOnce, runMigrations, Logger } from 'graphile-worker';
import { makePool, makeStopwatch, now, printDelays, printRate, sampleDelays } from './common.mjs';

const [, , figure, count, mode, processes] = process.argv;
const batched = mode === 'batched';
const concurrency = batched ? 24 : 10;
const pool = makePool(concurrency + 1);
const options = {
	pgPool: pool,
	noHandleSignals: true,
	logger: new Logger(() => () => {}),
	preset: {
		worker: {
			concurrentJobs: concurrency,
			maxPoolSize: concurrency + 1,
			pollInterval: 2000,
			...(batched && {
				localQueue: { size: 500, refetchDelay: { durationMs: 10 } },
				completeJobBatchDelay: 0,
				failJobBatchDelay: 0,
			}),
		},
	},
};

process.env.NO_LOG_SUCCESS = '1';

async function makeJobs(jobs) {
	await pool.query('DROP SCHEMA IF EXISTS graphile_worker CASCADE');
	await runMigrations(options);
	await pool.query(`SELECT 1 FROM graphile_worker.add_jobs(ARRAY(
		SELECT json_populate_record(NULL::graphile_worker.job_spec,
			json_build_object('identifier', 'noop', 'payload', json_build_object('n', n)))
		FROM generate_series(1, $1::int) n))`, [jobs]);
	await pool.query('VACUUM ANALYZE graphile_worker._private_jobs');
	await pool.query('CHECKPOINT');
}

async function work() {
	let first = 0;
	let jobs = 0;
	const noop = () => {
		first ||= now();
		jobs++;
	};

	await runOnce({ ...options, taskList: { noop } });
	console.log(JSON.stringify({ first, last: now(), jobs }));
}

async function delay(samples) {
	const stopwatch = makeStopwatch();

	await makeJobs(0);
	const runner = await run({ ...options, taskList: { noop: ({ n }) => stopwatch.handled(n) } });
	printDelays(await sampleDelays(samples, stopwatch, (n) =>
		pool.query({ name: 'add', text: `SELECT graphile_worker.add_job('noop', json_build_object('n', $1::int))`, values: [n] })));
	await runner.stop();
}

if (figure === 'work') {
	await work();
} else if (figure === 'drain') {
	await makeJobs(Number(count));
	await printRate(Number(processes), Number(count), ['work', count, mode]);
} else if (figure === 'delay') {
	await delay(Number(count));
}
process.exit(0);
