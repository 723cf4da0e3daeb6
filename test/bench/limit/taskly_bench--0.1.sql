\echo Use "CREATE EXTENSION taskly_bench" to load this file. \quit

CREATE TABLE bench.queue (
	run_id bigint PRIMARY KEY,
	due_at timestamptz NOT NULL DEFAULT pg_catalog.now(),
	command text NOT NULL DEFAULT 'SELECT 1'
);
COMMENT ON TABLE bench.queue IS 'Rows that the workers of limit() take.';

CREATE TABLE bench.history (
	run_id bigint NOT NULL,
	status text NOT NULL,
	started_at timestamptz NOT NULL,
	finished_at timestamptz NOT NULL
);
COMMENT ON TABLE bench.history IS 'One row for each that was taken.';

CREATE TABLE bench.worker (
	runs bigint NOT NULL,
	started_at timestamptz NOT NULL,
	finished_at timestamptz NOT NULL
);
COMMENT ON TABLE bench.worker IS 'One row for each worker of limit() that has done its share.';

CREATE FUNCTION bench.limit(workers integer, runs bigint, command text DEFAULT 'SELECT 1') RETURNS void
LANGUAGE C VOLATILE STRICT PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'taskly_bench_limit_v1';
COMMENT ON FUNCTION bench.limit(integer, bigint, text) IS 'Lets background workers take the rows 1 to runs of bench.queue, which must be committed, and execute the command for each; returns when they are done.';

CREATE FUNCTION bench.committed_at() RETURNS timestamptz
LANGUAGE C VOLATILE STRICT PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'taskly_bench_committed_at_v1';
COMMENT ON FUNCTION bench.committed_at() IS 'When the last transaction of this session became visible; NULL before the first.';
