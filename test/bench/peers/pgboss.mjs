// pg-boss beside taskly.
//
//   node pgboss.mjs drain JOBS BATCH     prints jobs a second
//   node pgboss.mjs delay SAMPLES        prints p50 and p99, ms; workers are told by NOTIFY

import { PgBoss } from 'pg-boss';
import { connection, makePool, makeStopwatch, now, printDelays, printRate, sampleDelays, sleep } from './common.mjs';

const [, , figure, count, batch] = process.argv;
const CONCURRENCY = 2;
const pool = makePool(2);

async function startBoss(max) {
	const boss = new PgBoss({ ...connection, max, supervise: false, schedule: false, useListenNotify: true });

	boss.on('error', (error) => console.error(String(error)));
	await boss.start();
	return boss;
}

async function makeJobs(jobs) {
	await pool.query('DROP SCHEMA IF EXISTS pgboss CASCADE');
	const boss = await startBoss(4);
	await boss.createQueue('q', { notify: true });
	for (let n = 0; n < jobs; n += 10000)
		await boss.insert('q', Array.from({ length: Math.min(10000, jobs - n) }, (_, i) => ({ data: { n: n + i } })));
	await boss.stop({ graceful: false });
	await pool.query('VACUUM ANALYZE');
	await pool.query('CHECKPOINT');
}

async function work(jobs) {
	const boss = await startBoss(CONCURRENCY + 2);
	const settings = { batchSize: Number(batch), localConcurrency: CONCURRENCY, pollingIntervalSeconds: 0.5, burstWhenBatchFull: true };
	const first = now();
	let done = 0;

	await boss.work('q', settings, async (batchOfJobs) => {
		done += batchOfJobs.length;
	});
	for (const until = now() + 120000; (done < jobs || !(await allCompleted())) && now() < until; )
		await sleep(10);
	console.log(JSON.stringify({ first, last: now(), jobs: done }));
}

// A batch is only done when that is recorded.
async function allCompleted() {
	const { rows } = await pool.query(`SELECT NOT EXISTS (SELECT FROM pgboss.job WHERE name = 'q' AND state < 'completed') AS done`);

	return rows[0].done;
}

async function delay(samples) {
	const stopwatch = makeStopwatch();

	await makeJobs(0);
	const boss = await startBoss(8);
	await boss.work('q', { pollingIntervalSeconds: 0.5 }, async ([job]) => stopwatch.handled(job.data.n));
	printDelays(await sampleDelays(samples, stopwatch, (n) => boss.send('q', { n })));
}

if (figure === 'work') {
	await work(Number(count));
} else if (figure === 'drain') {
	await makeJobs(Number(count));
	await printRate(1, Number(count), ['work', count, batch]);
} else if (figure === 'delay') {
	await delay(Number(count));
}
process.exit(0);
