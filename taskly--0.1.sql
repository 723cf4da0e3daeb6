\echo Use "CREATE EXTENSION taskly" to load this file. \quit

-- BEGIN schema check
-- A schema that was here before could hold objects with which its owner would run code as whoever
-- uses taskly; and who owns a schema may drop what is in it.
DO $$
DECLARE
	owner name;
	object text;
BEGIN
	SELECT r.rolname INTO owner
	FROM pg_catalog.pg_namespace n
		JOIN pg_catalog.pg_authid r ON r.oid OPERATOR(pg_catalog.=) n.nspowner
	WHERE n.nspname OPERATOR(pg_catalog.=) 'taskly' AND NOT r.rolsuper;
	IF FOUND THEN
		RAISE EXCEPTION USING
			ERRCODE = 'object_not_in_prerequisite_state',
			MESSAGE = pg_catalog.format('schema "taskly" belongs to role "%s", which is not a superuser', owner),
			HINT = 'Drop the schema, or make it a superuser''s; CREATE EXTENSION makes one if there is none.';
	END IF;
	SELECT pg_catalog.pg_describe_object(d.classid, d.objid, d.objsubid) INTO object
	FROM pg_catalog.pg_depend d
	WHERE d.refclassid OPERATOR(pg_catalog.=) 'pg_catalog.pg_namespace'::pg_catalog.regclass
		AND d.refobjid OPERATOR(pg_catalog.=) 'taskly'::pg_catalog.regnamespace
		AND d.classid OPERATOR(pg_catalog.<>) 'pg_catalog.pg_extension'::pg_catalog.regclass
	LIMIT 1;
	IF FOUND THEN
		RAISE EXCEPTION USING
			ERRCODE = 'object_not_in_prerequisite_state',
			MESSAGE = 'schema "taskly" is not empty',
			DETAIL = pg_catalog.format('It holds %s.', object),
			HINT = 'Drop the schema; CREATE EXTENSION makes a new one.';
	END IF;
END
$$;
-- END schema check

/* ------------------------------------------------------------------------
 * Tables. Owned by the extension's owner, granted to nobody: only taskly's
 * own C code reads and writes them, after checking who asks.
 * ------------------------------------------------------------------------ */

CREATE TABLE taskly.home (
	home_id bigint NOT NULL PRIMARY KEY,
	database oid NOT NULL,
	term bigint NOT NULL DEFAULT 0,
	led_since timestamptz,
	history_slot smallint NOT NULL DEFAULT 0,
	history_since timestamptz NOT NULL DEFAULT pg_catalog.now(),
	paused_at timestamptz,
	paused_until timestamptz,
	paused_reason text
);
CREATE UNIQUE INDEX home_only_one ON taskly.home ((true));
COMMENT ON TABLE taskly.home IS 'One row: which database these tables belong to (a random id and the database''s OID), who has led it, and which partition of finished_run is written. Never dumped, so that a copy knows it is one.';
COMMENT ON COLUMN taskly.home.home_id IS 'random id; tasks and runs with another id are parked until taskly.adopt()';
COMMENT ON COLUMN taskly.home.database IS 'OID of the database that this home belongs to; in any other database all is parked';
COMMENT ON COLUMN taskly.home.term IS 'how often a scheduler has become leader here';
COMMENT ON COLUMN taskly.home.paused_until IS 'end of the pause of all tasks, NULL: until resume_all(); without paused_at, when the last one ended: what was due before is not made up';
COMMENT ON COLUMN taskly.home.history_slot IS 'partition of finished_run that is written now, 0 to 15';
COMMENT ON COLUMN taskly.home.history_since IS 'since when that partition is written';

CREATE SEQUENCE taskly.queue_queue_id_seq AS integer;
CREATE TABLE taskly.queue (
	queue_id integer NOT NULL PRIMARY KEY DEFAULT pg_catalog.nextval('taskly.queue_queue_id_seq'),
	name text NOT NULL UNIQUE CHECK (pg_catalog.octet_length(name) OPERATOR(pg_catalog.>=) 1 AND pg_catalog.octet_length(name) OPERATOR(pg_catalog.<=) 200),
	owner regrole NOT NULL,
	algorithm text NOT NULL DEFAULT 'priority' CHECK (algorithm OPERATOR(pg_catalog.=) ANY ('{fifo,priority,fair,rate_monotonic,edf}'::pg_catalog.text[])),
	weight integer NOT NULL DEFAULT 1 CHECK (weight OPERATOR(pg_catalog.>=) 1 AND weight OPERATOR(pg_catalog.<=) 1000000),
	max_running integer CHECK (max_running OPERATOR(pg_catalog.>) 0),
	max_running_per_key integer CHECK (max_running_per_key OPERATOR(pg_catalog.>) 0),
	rate integer CHECK (rate OPERATOR(pg_catalog.>=) 1 AND rate OPERATOR(pg_catalog.<=) 1000000000),
	rate_per_key integer CHECK (rate_per_key OPERATOR(pg_catalog.>=) 1 AND rate_per_key OPERATOR(pg_catalog.<=) 1000000000),
	rate_interval interval NOT NULL DEFAULT '1 second' CHECK (rate_interval OPERATOR(pg_catalog.>=) '1 millisecond'::interval),
	burst integer CHECK (burst OPERATOR(pg_catalog.>=) 0 AND burst OPERATOR(pg_catalog.<=) 1000000000),
	max_pending bigint CHECK (max_pending OPERATOR(pg_catalog.>) 0),
	aging interval NOT NULL DEFAULT '1 minute' CHECK (aging OPERATOR(pg_catalog.>) '0'::interval),
	block_key_on_failure boolean NOT NULL DEFAULT false,
	keep text NOT NULL DEFAULT 'all' CHECK (keep OPERATOR(pg_catalog.=) ANY ('{all,failures,none}'::pg_catalog.text[])),
	batch integer NOT NULL DEFAULT 1 CHECK (batch OPERATOR(pg_catalog.>=) 1 AND batch OPERATOR(pg_catalog.<=) 1000),
	paused_at timestamptz,
	paused_reason text,
	created_at timestamptz NOT NULL DEFAULT pg_catalog.now(),
	CONSTRAINT queue_burst CHECK (rate IS NOT NULL OR rate_per_key IS NOT NULL OR COALESCE(burst, 0) OPERATOR(pg_catalog.=) 0),
	CONSTRAINT queue_block CHECK (NOT block_key_on_failure OR COALESCE(max_running_per_key, 0) OPERATOR(pg_catalog.=) 1 AND batch OPERATOR(pg_catalog.=) 1 AND keep OPERATOR(pg_catalog.<>) 'none')
);
ALTER SEQUENCE taskly.queue_queue_id_seq OWNED BY taskly.queue.queue_id;
COMMENT ON TABLE taskly.queue IS 'Queues: named lines of runs with an order (algorithm) and limits. The queue "default" is made on first use.';

CREATE TABLE taskly.queue_key (
	queue_id integer NOT NULL,
	key text NOT NULL CHECK (pg_catalog.octet_length(key) OPERATOR(pg_catalog.>=) 1 AND pg_catalog.octet_length(key) OPERATOR(pg_catalog.<=) 200),
	weight integer NOT NULL DEFAULT 1 CHECK (weight OPERATOR(pg_catalog.>=) 1 AND weight OPERATOR(pg_catalog.<=) 1000000),
	paused_at timestamptz,
	paused_reason text,
	PRIMARY KEY (queue_id, key)
);
COMMENT ON TABLE taskly.queue_key IS 'What owners of queues have said of keys: weight, pause. A key without a row has weight 1 and is not paused.';
COMMENT ON COLUMN taskly.queue_key.weight IS 'share of the worker time of its queue, beside other keys; of algorithm fair';

CREATE TABLE taskly.key_block (
	queue_id integer NOT NULL,
	key text NOT NULL,
	run_id bigint NOT NULL,
	blocked_at timestamptz NOT NULL,
	PRIMARY KEY (queue_id, key, run_id)
);
COMMENT ON TABLE taskly.key_block IS 'Runs that ended badly in a queue with block_key_on_failure: other runs of their keys wait. A table of its own, so that the end of a run never meets a row that somebody holds to set a key.';

CREATE TABLE taskly.quota (
	role regrole,
	max_pending bigint CHECK (max_pending OPERATOR(pg_catalog.>) 0),
	max_tasks integer CHECK (max_tasks OPERATOR(pg_catalog.>) 0),
	max_running integer CHECK (max_running OPERATOR(pg_catalog.>) 0),
	UNIQUE NULLS NOT DISTINCT (role)
);
COMMENT ON TABLE taskly.quota IS 'How much roles may have; the row without a role is for those that have none of their own.';

CREATE SEQUENCE taskly.calendar_calendar_id_seq AS integer;
CREATE TABLE taskly.calendar (
	calendar_id integer NOT NULL PRIMARY KEY DEFAULT pg_catalog.nextval('taskly.calendar_calendar_id_seq'),
	version integer NOT NULL DEFAULT 1,
	name text NOT NULL UNIQUE CHECK (pg_catalog.octet_length(name) OPERATOR(pg_catalog.>=) 1 AND pg_catalog.octet_length(name) OPERATOR(pg_catalog.<=) 200),
	owner regrole NOT NULL,
	days datemultirange NOT NULL DEFAULT '{}' CHECK (days OPERATOR(pg_catalog.<@) '[0001-01-01,9999-12-31]'::pg_catalog.daterange),
	description text,
	created_at timestamptz NOT NULL DEFAULT pg_catalog.now(),
	altered_at timestamptz NOT NULL DEFAULT pg_catalog.now()
);
ALTER SEQUENCE taskly.calendar_calendar_id_seq OWNED BY taskly.calendar.calendar_id;
COMMENT ON TABLE taskly.calendar IS 'Calendars: named sets of days that schedules leave out.';
COMMENT ON COLUMN taskly.calendar.version IS 'grows with each change of its days';
COMMENT ON COLUMN taskly.calendar.days IS 'at most 10000 ranges';

CREATE SEQUENCE taskly.task_task_id_seq;
CREATE TABLE taskly.task (
	task_id bigint NOT NULL PRIMARY KEY DEFAULT pg_catalog.nextval('taskly.task_task_id_seq'),
	home_id bigint NOT NULL,
	version integer NOT NULL DEFAULT 1,
	name text NOT NULL CHECK (pg_catalog.octet_length(name) OPERATOR(pg_catalog.>=) 1 AND pg_catalog.octet_length(name) OPERATOR(pg_catalog.<=) 200),
	owner regrole NOT NULL,
	description text,
	command text NOT NULL,
	kind text NOT NULL DEFAULT 'sql' CHECK (kind OPERATOR(pg_catalog.=) ANY ('{sql,shell}'::pg_catalog.text[])),
	atomic boolean NOT NULL DEFAULT true,
	args jsonb,
	queue_id integer NOT NULL,
	priority integer NOT NULL DEFAULT 0,
	key text,
	max_running integer CHECK (max_running OPERATOR(pg_catalog.>) 0),
	schedule text,
	timezone text,
	starts_at timestamptz,
	ends_at timestamptz,
	max_runs bigint CHECK (max_runs OPERATOR(pg_catalog.>) 0),
	jitter interval,
	timeout interval,
	deadline interval,
	max_attempts integer NOT NULL DEFAULT 1 CHECK (max_attempts OPERATOR(pg_catalog.>) 0),
	backoff text NOT NULL DEFAULT 'exponential 10s max 1h',
	retry_on text[],
	never_on text[],
	overlap text NOT NULL DEFAULT 'skip' CHECK (overlap OPERATOR(pg_catalog.=) ANY ('{skip,queue,allow,cancel_running}'::pg_catalog.text[])),
	max_instances integer CHECK (max_instances OPERATOR(pg_catalog.>) 0),
	missed text NOT NULL DEFAULT 'once' CHECK (missed OPERATOR(pg_catalog.=) ANY ('{skip,once,all}'::pg_catalog.text[])),
	missed_limit integer NOT NULL DEFAULT 100 CHECK (missed_limit OPERATOR(pg_catalog.>) 0),
	on_lost text NOT NULL DEFAULT 'retry' CHECK (on_lost OPERATOR(pg_catalog.=) ANY ('{retry,fail}'::pg_catalog.text[])),
	on_failure text,
	pause_after_failures integer CHECK (pause_after_failures OPERATOR(pg_catalog.>) 0),
	after bigint[] CHECK (after OPERATOR(pg_catalog.<>) '{}'),
	calendar_id integer,
	on_excluded text NOT NULL DEFAULT 'skip' CHECK (on_excluded OPERATOR(pg_catalog.=) ANY ('{skip,next,previous}'::pg_catalog.text[])),
	anchor timestamptz NOT NULL DEFAULT pg_catalog.now(),
	created_at timestamptz NOT NULL DEFAULT pg_catalog.now(),
	altered_at timestamptz NOT NULL DEFAULT pg_catalog.now(),
	paused_at timestamptz,
	paused_reason text,
	last_fire timestamptz NOT NULL DEFAULT '-infinity',
	fires bigint NOT NULL DEFAULT 0,
	skipped bigint NOT NULL DEFAULT 0,
	missed_count bigint NOT NULL DEFAULT 0,
	runs bigint NOT NULL DEFAULT 0,
	failures bigint NOT NULL DEFAULT 0,
	consecutive_failures integer NOT NULL DEFAULT 0,
	last_run_id bigint,
	last_status text,
	last_started_at timestamptz,
	last_finished_at timestamptz,
	last_failure_run_id bigint,
	last_failure_at timestamptz,
	last_failure_message text,
	UNIQUE (owner, name)
) WITH (fillfactor = 50);
ALTER SEQUENCE taskly.task_task_id_seq OWNED BY taskly.task.task_id;
COMMENT ON TABLE taskly.task IS 'Definitions of tasks, with what scheduling remembers of each: last_fire, pause state, counts.';
COMMENT ON COLUMN taskly.task.version IS 'grows with every change of the definition; processes compare it with what they hold';
COMMENT ON COLUMN taskly.task.anchor IS 'origin of a fixed-rate schedule''s grid';
COMMENT ON COLUMN taskly.task.after IS 'task_ids of the tasks that it comes after';
COMMENT ON COLUMN taskly.task.last_fire IS 'latest occurrence that was turned into a run, skipped or given up; only moves forward';

CREATE SEQUENCE taskly.run_run_id_seq;
CREATE TABLE taskly.pending_run (
	run_id bigint NOT NULL PRIMARY KEY,
	home_id bigint NOT NULL,
	task_id bigint,
	due_at timestamptz NOT NULL,
	scheduled_for timestamptz NOT NULL,
	queued_at timestamptz NOT NULL,
	deadline_at timestamptz,
	started_at timestamptz,
	incarnation bigint,
	owner regrole NOT NULL,
	queue_id integer NOT NULL,
	priority integer NOT NULL,
	attempt integer NOT NULL,
	crashes integer NOT NULL,
	pid integer,
	max_attempts integer,
	atomic boolean,
	source text NOT NULL,
	key text,
	unique_key text COLLATE "C",
	args jsonb,
	command text,
	kind text,
	timeout interval,
	backoff text,
	retry_on text[],
	never_on text[],
	on_lost text,
	on_failure text,
	snoozes integer,
	last_sqlstate text,
	last_message text
) WITH (fillfactor = 90, autovacuum_vacuum_cost_delay = 0, autovacuum_vacuum_scale_factor = 0.05,
	autovacuum_vacuum_threshold = 10000, vacuum_truncate = false);
ALTER SEQUENCE taskly.run_run_id_seq OWNED BY taskly.pending_run.run_id;
CREATE INDEX pending_run_order ON taskly.pending_run (queue_id, due_at, run_id);
CREATE INDEX pending_run_key ON taskly.pending_run (queue_id, key, due_at, run_id) WHERE key IS NOT NULL;
CREATE INDEX pending_run_retrying ON taskly.pending_run (queue_id) WHERE attempt OPERATOR(pg_catalog.>) 0 AND key IS NOT NULL;
CREATE INDEX pending_run_task ON taskly.pending_run (task_id) WHERE task_id IS NOT NULL;
CREATE INDEX pending_run_occurrence ON taskly.pending_run (task_id) WHERE source OPERATOR(pg_catalog.=) 'schedule';
CREATE INDEX pending_run_started ON taskly.pending_run (run_id) WHERE started_at IS NOT NULL;
CREATE INDEX pending_run_unique ON taskly.pending_run (unique_key, task_id, run_id) WHERE unique_key IS NOT NULL;
CREATE INDEX pending_run_submitted ON taskly.pending_run (owner) WHERE task_id IS NULL;
CREATE INDEX pending_run_waiting ON taskly.pending_run (deadline_at) WHERE deadline_at IS NOT NULL AND due_at OPERATOR(pg_catalog.=) 'infinity';
COMMENT ON TABLE taskly.pending_run IS 'Every run that has not finished: future, due, retrying, or started by a process whose outcome is not yet recorded. An atomic SQL run deletes its row in its own transaction: no row, no run.';
COMMENT ON COLUMN taskly.pending_run.due_at IS 'when it may start: scheduled_for, or later after a failed attempt; infinity while it waits for other runs';
COMMENT ON COLUMN taskly.pending_run.attempt IS 'attempts that are over (for a shell or autocommit run that is started: begun)';
COMMENT ON COLUMN taskly.pending_run.started_at IS 'durable start mark of a shell or autocommit attempt; NULL while it waits';
COMMENT ON COLUMN taskly.pending_run.incarnation IS 'which start of which server made the start mark';
COMMENT ON COLUMN taskly.pending_run.snoozes IS 'how often the run has asked to come again later; NULL: never';
COMMENT ON COLUMN taskly.pending_run.last_message IS 'beginning of the error of its last attempt that failed, NULL: none has; last_sqlstate is its code';
COMMENT ON COLUMN taskly.pending_run.command IS 'command, kind, atomic, timeout and retry policy are set for runs without a task only; others follow their task';

CREATE TABLE taskly.run_dependency (
	run_id bigint NOT NULL,
	parent_id bigint NOT NULL CHECK (parent_id OPERATOR(pg_catalog.<>) run_id),
	needs text NOT NULL CHECK (needs OPERATOR(pg_catalog.=) ANY ('{succeeded,ended}'::pg_catalog.text[])),
	parent_status text,
	PRIMARY KEY (run_id, parent_id)
);
CREATE INDEX run_dependency_parent ON taskly.run_dependency (parent_id, run_id);
COMMENT ON TABLE taskly.run_dependency IS 'Which run waits, or has waited, for which. Rows stay as long as one of both runs is pending or in history.';
COMMENT ON COLUMN taskly.run_dependency.run_id IS 'the run that waits';
COMMENT ON COLUMN taskly.run_dependency.parent_id IS 'the run that it waits for';
COMMENT ON COLUMN taskly.run_dependency.needs IS 'succeeded, or ended in whatever way';
COMMENT ON COLUMN taskly.run_dependency.parent_status IS 'how the parent has ended, when it did as is needed and was found to before the run could go on; it holds, too, once the parent is gone from history';

/* The pending row as it was at the end of an attempt, and the outcome. */
CREATE TABLE taskly.finished_run (
	run_id bigint NOT NULL,
	home_id bigint NOT NULL,
	task_id bigint,
	due_at timestamptz NOT NULL,
	scheduled_for timestamptz NOT NULL,
	queued_at timestamptz NOT NULL,
	deadline_at timestamptz,
	started_at timestamptz,
	incarnation bigint,
	owner regrole NOT NULL,
	queue_id integer NOT NULL,
	priority integer NOT NULL,
	attempt integer NOT NULL,
	crashes integer NOT NULL,
	pid integer,
	max_attempts integer,
	atomic boolean,
	source text NOT NULL,
	key text,
	unique_key text COLLATE "C",
	args jsonb,
	command text,
	kind text,
	timeout interval,
	backoff text,
	retry_on text[],
	never_on text[],
	on_lost text,
	on_failure text,
	snoozes integer,
	last_sqlstate text,
	last_message text,
	slot smallint NOT NULL,
	is_final boolean NOT NULL,
	picked_at timestamptz,
	finished_at timestamptz NOT NULL,
	rows bigint,
	exit_code integer,
	output_bytes bigint,
	status text NOT NULL,
	tag text,
	sqlstate text,
	message text,
	detail text,
	hint text,
	context text,
	output text,
	result jsonb
) PARTITION BY LIST (slot);
COMMENT ON TABLE taskly.finished_run IS 'History: one row per finished attempt, append-only, but for retry(), which reopens a run. The partitions are written in turn and emptied by TRUNCATE, oldest first.';
COMMENT ON COLUMN taskly.finished_run.is_final IS 'false when the run is to be tried again';
COMMENT ON COLUMN taskly.finished_run.attempt IS 'number of this attempt, from 1; 0 when the run ended without one';
DO $$
BEGIN
	FOR n IN 0 .. 15 LOOP
		EXECUTE pg_catalog.format('CREATE TABLE taskly.finished_run_%s PARTITION OF taskly.finished_run FOR VALUES IN (%s)', n, n);
		-- A publication of all tables would else refuse what retry() updates.
		EXECUTE pg_catalog.format('ALTER TABLE taskly.finished_run_%s REPLICA IDENTITY FULL', n);
		EXECUTE pg_catalog.format('COMMENT ON TABLE taskly.finished_run_%s IS %L', n, 'One sixteenth of the history; written and truncated in turn.');
	END LOOP;
END
$$;
CREATE INDEX finished_run_run ON taskly.finished_run (run_id);
CREATE INDEX finished_run_task ON taskly.finished_run (task_id, finished_at);
CREATE INDEX finished_run_key ON taskly.finished_run (queue_id, key) WHERE key IS NOT NULL;
CREATE INDEX finished_run_unique ON taskly.finished_run (unique_key, task_id, queued_at) WHERE unique_key IS NOT NULL;


/* ------------------------------------------------------------------------
 * Functions: tasks
 * ------------------------------------------------------------------------ */

-- BEGIN tasks
CREATE FUNCTION taskly.schedule(
	name text,
	schedule text,
	command text,
	kind text DEFAULT 'sql',
	args jsonb DEFAULT NULL,
	atomic boolean DEFAULT NULL,
	queue text DEFAULT 'default',
	priority integer DEFAULT 0,
	key text DEFAULT NULL,
	max_running integer DEFAULT NULL,
	timezone text DEFAULT NULL,
	starts_at timestamptz DEFAULT NULL,
	ends_at timestamptz DEFAULT NULL,
	max_runs bigint DEFAULT NULL,
	jitter interval DEFAULT NULL,
	timeout interval DEFAULT NULL,
	deadline interval DEFAULT NULL,
	max_attempts integer DEFAULT 1,
	backoff text DEFAULT 'exponential 10s max 1h',
	retry_on text[] DEFAULT NULL,
	never_on text[] DEFAULT NULL,
	overlap text DEFAULT 'skip',
	max_instances integer DEFAULT NULL,
	missed text DEFAULT 'once',
	missed_limit integer DEFAULT NULL,
	on_lost text DEFAULT NULL,
	on_failure text DEFAULT NULL,
	pause_after_failures integer DEFAULT NULL,
	after text[] DEFAULT NULL,
	calendar text DEFAULT NULL,
	on_excluded text DEFAULT NULL,
	owner regrole DEFAULT NULL,
	description text DEFAULT NULL
)
RETURNS bigint
LANGUAGE C VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'taskly_schedule_v1';
COMMENT ON FUNCTION taskly.schedule(text, text, text, text, jsonb, boolean, text, integer, text, integer, text, timestamptz, timestamptz, bigint, interval, interval, interval, integer, text, text[], text[], text, integer, text, integer, text, text, integer, text[], text, text, regrole, text) IS 'Defines a task that recurs by a schedule; returns its task_id. A task that has this name and owner already is replaced: options not given return to their defaults; its task_id, history, pause, last fire and waiting runs stay. command: SQL, parsed at the call, or a line for the shell, at most 1 MB. kind: sql or shell. args: jsonb, $1 in SQL. atomic: NULL is true unless PostgreSQL refuses the command inside of a transaction. priority: -1000000 to 1000000, higher first. key: of its runs, at most 200 bytes. max_running: runs of the task in execution at the same time, whatever made them; others wait; NULL: no limit. timeout: per attempt. deadline: after the due time. max_attempts: 1 to 1000000. backoff: "none" or "fixed|linear|exponential 10s [max 1h] [jitter none|full|equal]". retry_on, never_on: SQLSTATEs and their classes, for shell exit codes. on_lost: retry or fail; NULL is retry for atomic SQL, else fail. on_failure: name of a task of the same owner. owner: NULL is the caller. pause_after_failures: so many runs in a row that end badly pause the task; NULL: none do. schedule: five or six cron fields or a nickname, "every 90 seconds", "every 5 minutes between 09:00 and 17:00 on mon-fri", "90 seconds after finish", a timestamp, which may have passed, or the lines of a calendar rule, "DTSTART:20270104T100000 RRULE:FREQ=WEEKLY"; taskly.explain_schedule() says what it means. timezone: IANA name; NULL is the setting taskly.timezone. starts_at, ends_at: nothing is due before or after. max_runs: the schedule is over after so many occurrences that became runs. jitter: every occurrence is delayed by the task''s own share of it. overlap: while an earlier occurrence runs or waits, skip the next one, queue it (one at most), cancel_running ones for it, or allow both; with allow, max_instances: most occurrences that are not over at a time. missed: skip what was due while the server was down, make it up once, by the latest occurrence, or all, of which the latest missed_limit (1 to 10000; NULL: 100). calendar: name of a calendar of days off; on_excluded: an occurrence on one of its days is left out (skip), or takes place on the next or previous other day. after: not with a schedule, see define(). Errors: 22023 an argument is out of range or not among the allowed values; 22004 an argument is null; 42601 syntax error in the command; 25001, 2D000 a statement cannot be part of an atomic command; 42704 no such queue, role or calendar; 42501 not a member of the owner, or it may not log in or run shell commands; 55000 taskly is not loaded, shell is off, or the tasks of the database are parked.';

CREATE FUNCTION taskly.define(
	name text,
	command text,
	kind text DEFAULT 'sql',
	args jsonb DEFAULT NULL,
	atomic boolean DEFAULT NULL,
	queue text DEFAULT 'default',
	priority integer DEFAULT 0,
	key text DEFAULT NULL,
	max_running integer DEFAULT NULL,
	timeout interval DEFAULT NULL,
	deadline interval DEFAULT NULL,
	max_attempts integer DEFAULT 1,
	backoff text DEFAULT 'exponential 10s max 1h',
	retry_on text[] DEFAULT NULL,
	never_on text[] DEFAULT NULL,
	on_lost text DEFAULT NULL,
	on_failure text DEFAULT NULL,
	pause_after_failures integer DEFAULT NULL,
	after text[] DEFAULT NULL,
	owner regrole DEFAULT NULL,
	description text DEFAULT NULL
)
RETURNS bigint
LANGUAGE C VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'taskly_define_v1';
COMMENT ON FUNCTION taskly.define(text, text, text, jsonb, boolean, text, integer, text, integer, interval, interval, integer, text, text[], text[], text, text, integer, text[], regrole, text) IS 'Defines a task without a schedule, which runs when it is enqueued, or after other tasks; returns its task_id. A task that has this name and owner already is replaced: options not given return to their defaults; its task_id, history, pause, last fire and waiting runs stay. command: SQL, parsed at the call, or a line for the shell, at most 1 MB. kind: sql or shell. args: jsonb, $1 in SQL. atomic: NULL is true unless PostgreSQL refuses the command inside of a transaction. priority: -1000000 to 1000000, higher first. key: of its runs, at most 200 bytes. max_running: runs of the task in execution at the same time, whatever made them; others wait; NULL: no limit. timeout: per attempt. deadline: after the due time. max_attempts: 1 to 1000000. backoff: "none" or "fixed|linear|exponential 10s [max 1h] [jitter none|full|equal]". retry_on, never_on: SQLSTATEs and their classes, for shell exit codes. on_lost: retry or fail; NULL is retry for atomic SQL, else fail. on_failure: name of a task of the same owner. pause_after_failures: so many runs in a row that end badly pause the task; NULL: none do. after: names of tasks that all lead to one task with a schedule: for each of its instants this one runs, when those have succeeded for it. owner: NULL is the caller. Errors: 22023 an argument is out of range or not among the allowed values; 22004 an argument is null; 42601 syntax error in the command; 25001, 2D000 a statement cannot be part of an atomic command; 42704 no such queue or role; 42501 not a member of the owner, or it may not log in or run shell commands; 55000 taskly is not loaded, shell is off, or the tasks of the database are parked.';

CREATE FUNCTION taskly.alter(
	name text,
	schedule text DEFAULT NULL,
	command text DEFAULT NULL,
	kind text DEFAULT NULL,
	args jsonb DEFAULT NULL,
	atomic boolean DEFAULT NULL,
	queue text DEFAULT NULL,
	priority integer DEFAULT NULL,
	key text DEFAULT NULL,
	max_running integer DEFAULT NULL,
	timezone text DEFAULT NULL,
	starts_at timestamptz DEFAULT NULL,
	ends_at timestamptz DEFAULT NULL,
	max_runs bigint DEFAULT NULL,
	jitter interval DEFAULT NULL,
	timeout interval DEFAULT NULL,
	deadline interval DEFAULT NULL,
	max_attempts integer DEFAULT NULL,
	backoff text DEFAULT NULL,
	retry_on text[] DEFAULT NULL,
	never_on text[] DEFAULT NULL,
	overlap text DEFAULT NULL,
	max_instances integer DEFAULT NULL,
	missed text DEFAULT NULL,
	missed_limit integer DEFAULT NULL,
	on_lost text DEFAULT NULL,
	on_failure text DEFAULT NULL,
	pause_after_failures integer DEFAULT NULL,
	after text[] DEFAULT NULL,
	calendar text DEFAULT NULL,
	on_excluded text DEFAULT NULL,
	owner regrole DEFAULT NULL,
	description text DEFAULT NULL,
	reset text[] DEFAULT NULL,
	rename_to text DEFAULT NULL
)
RETURNS bigint
LANGUAGE C VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'taskly_alter_v1';
COMMENT ON FUNCTION taskly.alter(text, text, text, text, jsonb, boolean, text, integer, text, integer, text, timestamptz, timestamptz, bigint, interval, interval, interval, integer, text, text[], text[], text, integer, text, integer, text, text, integer, text[], text, text, regrole, text, text[], text) IS 'Changes a task; returns its task_id. NULL keeps what is. reset: names of options to return to their defaults; with schedule, the options that depend on it return, too. rename_to: new name. Waiting runs follow their task, but stay in their queue with their priority. Members of the owner may call it. Other arguments and errors are those of schedule(); 42704 no such task, or not the caller''s; 42P08 several tasks have the name; 42710 the owner has a task of the new name; 2BP01 tasks come after it, so that it must keep its schedule.';

CREATE FUNCTION taskly.alter(
	task_id bigint,
	schedule text DEFAULT NULL,
	command text DEFAULT NULL,
	kind text DEFAULT NULL,
	args jsonb DEFAULT NULL,
	atomic boolean DEFAULT NULL,
	queue text DEFAULT NULL,
	priority integer DEFAULT NULL,
	key text DEFAULT NULL,
	max_running integer DEFAULT NULL,
	timezone text DEFAULT NULL,
	starts_at timestamptz DEFAULT NULL,
	ends_at timestamptz DEFAULT NULL,
	max_runs bigint DEFAULT NULL,
	jitter interval DEFAULT NULL,
	timeout interval DEFAULT NULL,
	deadline interval DEFAULT NULL,
	max_attempts integer DEFAULT NULL,
	backoff text DEFAULT NULL,
	retry_on text[] DEFAULT NULL,
	never_on text[] DEFAULT NULL,
	overlap text DEFAULT NULL,
	max_instances integer DEFAULT NULL,
	missed text DEFAULT NULL,
	missed_limit integer DEFAULT NULL,
	on_lost text DEFAULT NULL,
	on_failure text DEFAULT NULL,
	pause_after_failures integer DEFAULT NULL,
	after text[] DEFAULT NULL,
	calendar text DEFAULT NULL,
	on_excluded text DEFAULT NULL,
	owner regrole DEFAULT NULL,
	description text DEFAULT NULL,
	reset text[] DEFAULT NULL,
	rename_to text DEFAULT NULL
)
RETURNS bigint
LANGUAGE C VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'taskly_alter_by_id_v1';
COMMENT ON FUNCTION taskly.alter(bigint, text, text, text, jsonb, boolean, text, integer, text, integer, text, timestamptz, timestamptz, bigint, interval, interval, interval, integer, text, text[], text[], text, integer, text, integer, text, text, integer, text[], text, text, regrole, text, text[], text) IS 'Changes a task; returns its task_id. NULL keeps what is. reset: names of options to return to their defaults; with schedule, the options that depend on it return, too. rename_to: new name. Waiting runs follow their task, but stay in their queue with their priority. Members of the owner may call it. Other arguments and errors are those of schedule(); 42704 no such task, or not the caller''s; 42710 the owner has a task of the new name; 2BP01 tasks come after it, so that it must keep its schedule.';

CREATE FUNCTION taskly.drop_task(
	name text
)
RETURNS boolean
LANGUAGE C VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'taskly_drop_task_v1';
COMMENT ON FUNCTION taskly.drop_task(text) IS 'Drops a task and its waiting runs; returns true. Runs in execution end normally, and history stays. Errors: 42704 no such task, or not the caller''s; 42P08 several tasks have the name; 2BP01 other tasks come after it.';

CREATE FUNCTION taskly.pause(
	name text,
	reason text DEFAULT NULL
)
RETURNS boolean
LANGUAGE C VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'taskly_pause_v1';
COMMENT ON FUNCTION taskly.pause(text, text) IS 'Pauses a task: no run of it starts until resume(). Runs in execution end normally. Returns false when it was paused already; then only the reason changes. Errors: 42704 no such task, or not the caller''s; 42P08 several tasks have the name.';

CREATE FUNCTION taskly.resume(
	name text,
	missed text DEFAULT 'skip'
)
RETURNS boolean
LANGUAGE C VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'taskly_resume_v1';
COMMENT ON FUNCTION taskly.resume(text, text) IS 'Resumes a paused task. missed: skip what its schedule had due meanwhile, or make it up once, by its latest occurrence. Failures are counted anew. Returns false when it was not paused. Errors: 42704 no such task, or not the caller''s; 42P08 several tasks have the name.';

CREATE FUNCTION taskly.drop_task(
	task_id bigint
)
RETURNS boolean
LANGUAGE C VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'taskly_drop_task_by_id_v1';
COMMENT ON FUNCTION taskly.drop_task(bigint) IS 'Drops a task and its waiting runs; returns true. Runs in execution end normally, and history stays. Errors: 42704 no such task, or not the caller''s; 2BP01 other tasks come after it.';

CREATE FUNCTION taskly.pause(
	task_id bigint,
	reason text DEFAULT NULL
)
RETURNS boolean
LANGUAGE C VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'taskly_pause_by_id_v1';
COMMENT ON FUNCTION taskly.pause(bigint, text) IS 'Pauses a task: no run of it starts until resume(). Runs in execution end normally. Returns false when it was paused already; then only the reason changes. Errors: 42704 no such task, or not the caller''s.';

CREATE FUNCTION taskly.resume(
	task_id bigint,
	missed text DEFAULT 'skip'
)
RETURNS boolean
LANGUAGE C VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'taskly_resume_by_id_v1';
COMMENT ON FUNCTION taskly.resume(bigint, text) IS 'Resumes a paused task. missed: skip what its schedule had due meanwhile, or make it up once, by its latest occurrence. Failures are counted anew. Returns false when it was not paused. Errors: 42704 no such task, or not the caller''s.';
-- END tasks

/* ------------------------------------------------------------------------
 * Functions: queues
 * ------------------------------------------------------------------------ */

-- BEGIN queues
CREATE FUNCTION taskly.create_queue(
	name text,
	algorithm text DEFAULT 'priority',
	weight integer DEFAULT 1,
	max_running integer DEFAULT NULL,
	max_running_per_key integer DEFAULT NULL,
	rate integer DEFAULT NULL,
	rate_per_key integer DEFAULT NULL,
	rate_interval interval DEFAULT '1 second',
	burst integer DEFAULT NULL,
	max_pending bigint DEFAULT NULL,
	aging interval DEFAULT '1 minute',
	block_key_on_failure boolean DEFAULT false,
	keep text DEFAULT 'all',
	batch integer DEFAULT 1
)
RETURNS integer
LANGUAGE C VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'taskly_create_queue_v1';
COMMENT ON FUNCTION taskly.create_queue(text, text, integer, integer, integer, integer, integer, interval, integer, bigint, interval, boolean, text, integer) IS 'Makes a queue, owned by the caller; returns its queue_id. algorithm: the order of its runs: fifo (of arrival), priority (higher first; who waits for aging gains 1), fair or round_robin (keys share worker time by their weights), rate_monotonic (shorter periods first) or edf (earlier deadlines first). weight: share of the workers beside other queues, 1 to 1000000. max_running, max_running_per_key: runs in execution at the same time, in the database, of the queue and of a key. rate, rate_per_key: starts in each rate_interval (1 ms to 100 years), 1 to 1000000000; burst: in any such time, as many more may start (0 to 1000000000; NULL is 0). max_pending: runs that have not finished, beyond which enqueueing is refused. block_key_on_failure: a run that fails holds back later ones of its key, until it succeeds or resume_key(); max_running_per_key is 1 then. keep: what history keeps, all attempts, those that failed (failures) or none. batch: short runs that may share a transaction, 1 to 1000. NULL is no limit. Errors: 22023 an argument is out of range, not among the allowed values, or does not go with another; 42710 the name is taken.';

CREATE FUNCTION taskly.alter_queue(
	name text,
	algorithm text DEFAULT NULL,
	weight integer DEFAULT NULL,
	max_running integer DEFAULT NULL,
	max_running_per_key integer DEFAULT NULL,
	rate integer DEFAULT NULL,
	rate_per_key integer DEFAULT NULL,
	rate_interval interval DEFAULT NULL,
	burst integer DEFAULT NULL,
	max_pending bigint DEFAULT NULL,
	aging interval DEFAULT NULL,
	block_key_on_failure boolean DEFAULT NULL,
	keep text DEFAULT NULL,
	batch integer DEFAULT NULL,
	reset text[] DEFAULT NULL
)
RETURNS integer
LANGUAGE C VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'taskly_alter_queue_v1';
COMMENT ON FUNCTION taskly.alter_queue(text, text, integer, integer, integer, integer, integer, interval, integer, bigint, interval, boolean, text, integer, text[]) IS 'Changes a queue; returns its queue_id. Runs that wait stay, in the new order. NULL keeps what is. reset: names of options to return to their defaults. algorithm: the order of its runs: fifo (of arrival), priority (higher first; who waits for aging gains 1), fair or round_robin (keys share worker time by their weights), rate_monotonic (shorter periods first) or edf (earlier deadlines first). weight: share of the workers beside other queues, 1 to 1000000. max_running, max_running_per_key: runs in execution at the same time, in the database, of the queue and of a key. rate, rate_per_key: starts in each rate_interval (1 ms to 100 years), 1 to 1000000000; burst: in any such time, as many more may start (0 to 1000000000). max_pending: runs that have not finished, beyond which enqueueing is refused. block_key_on_failure: a run that fails holds back later ones of its key, until it succeeds or resume_key(); max_running_per_key is 1 then. keep: what history keeps, all attempts, those that failed (failures) or none. batch: short runs that may share a transaction, 1 to 1000. Errors: 22023 an argument is out of range, not among the allowed values, or does not go with another; 42704 no such queue; 42501 it is another role''s.';

CREATE FUNCTION taskly.drop_queue(
	name text,
	cascade boolean DEFAULT false
)
RETURNS boolean
LANGUAGE C VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'taskly_drop_queue_v1';
COMMENT ON FUNCTION taskly.drop_queue(text, boolean) IS 'Drops a queue; returns true. cascade: what its tasks and runs would else forbid is done as well: tasks move to queue default, waiting runs are cancelled. It never waits: runs in execution end normally, and one of them that is to be tried again goes to queue default. Errors: 42704 no such queue; 42501 it is another role''s; 2BP01 it is in use.';

CREATE FUNCTION taskly.pause_queue(
	name text,
	reason text DEFAULT NULL
)
RETURNS boolean
LANGUAGE C VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'taskly_pause_queue_v1';
COMMENT ON FUNCTION taskly.pause_queue(text, text) IS 'Pauses a queue: no run in it starts until resume_queue(). Returns false when it was paused already; then only the reason changes. Errors: 42704 no such queue; 42501 it is another role''s.';

CREATE FUNCTION taskly.resume_queue(
	name text
)
RETURNS boolean
LANGUAGE C VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'taskly_resume_queue_v1';
COMMENT ON FUNCTION taskly.resume_queue(text) IS 'Resumes a paused queue. Returns false when it was not paused. Errors: 42704 no such queue; 42501 it is another role''s.';

CREATE FUNCTION taskly.set_key(
	queue text,
	key text,
	weight integer DEFAULT 1
)
RETURNS boolean
LANGUAGE C VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'taskly_set_key_v1';
COMMENT ON FUNCTION taskly.set_key(text, text, integer) IS 'Sets the weight of a key in a queue of algorithm fair: its share of worker time beside other keys, 1 to 1000000; 1 is what all have. Returns false when it was so already. Errors: 42704 no such queue; 42501 it is another role''s; 22023 the weight is out of range, the queue is not fair, or the key is empty, too long or not printable; 22004 an argument is null.';

CREATE FUNCTION taskly.pause_key(
	queue text,
	key text,
	reason text DEFAULT NULL
)
RETURNS boolean
LANGUAGE C VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'taskly_pause_key_v1';
COMMENT ON FUNCTION taskly.pause_key(text, text, text) IS 'Pauses a key of a queue: no run with it starts there until resume_key(). Runs in execution end normally. Returns false when it was paused already; then only the reason changes. Errors: 42704 no such queue; 42501 it is another role''s; 22023 the key is empty, too long or not printable; 22004 an argument is null.';

CREATE FUNCTION taskly.resume_key(
	queue text,
	key text
)
RETURNS boolean
LANGUAGE C VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'taskly_resume_key_v1';
COMMENT ON FUNCTION taskly.resume_key(text, text) IS 'Resumes a paused key, and one that is blocked by runs that ended badly, which are then passed over. Returns false when it was neither. Errors: 42704 no such queue; 42501 it is another role''s; 22023 the key is empty, too long or not printable; 22004 an argument is null.';

CREATE FUNCTION taskly.set_quota(
	role regrole,
	max_pending bigint DEFAULT NULL,
	max_tasks integer DEFAULT NULL,
	max_running integer DEFAULT NULL
)
RETURNS boolean
LANGUAGE C VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'taskly_set_quota_v1';
COMMENT ON FUNCTION taskly.set_quota(regrole, bigint, integer, integer) IS 'Says how much a role may have: it sets all three limits, of which NULL is none; without any the role''s quota is dropped. max_pending: runs that have not finished, beyond which enqueueing is refused; what schedules, retries and on_failure make is not refused, but counts. max_tasks: tasks that it owns. max_running: runs of it in execution at the same time, in the database; others wait. role NULL: for each role without a quota of its own, but superusers. Returns false when it was so already. For superusers and the owner of the extension. Errors: 42501; 22023 a limit is less than 1; 42704 no such role.';
-- END queues

/* ------------------------------------------------------------------------
 * Functions: calendars
 * ------------------------------------------------------------------------ */

-- BEGIN calendars
CREATE FUNCTION taskly.create_calendar(
	name text,
	days date[] DEFAULT NULL,
	description text DEFAULT NULL
)
RETURNS integer
LANGUAGE C VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'taskly_create_calendar_v1';
COMMENT ON FUNCTION taskly.create_calendar(text, date[], text) IS 'Makes a calendar of days that schedules leave out, owned by the caller; returns its calendar_id. Every user may name it in a task. Errors: 42710 the name is taken; 22004 a day is null; 22008 a day is infinite or not from 0001-01-01 to 9999-12-31; 54000 the days are more than 10000 ranges.';

CREATE FUNCTION taskly.drop_calendar(
	name text
)
RETURNS boolean
LANGUAGE C VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'taskly_drop_calendar_v1';
COMMENT ON FUNCTION taskly.drop_calendar(text) IS 'Drops a calendar that no task names; returns true. Errors: 42704 no such calendar; 42501 it is another role''s; 2BP01 it is in use.';

CREATE FUNCTION taskly.add_days(
	calendar text,
	VARIADIC days date[]
)
RETURNS integer
LANGUAGE C VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'taskly_add_days_v1';
COMMENT ON FUNCTION taskly.add_days(text, date[]) IS 'Adds days to a calendar; returns how many it did not have. Errors: 42704 no such calendar; 42501 it is another role''s; 22004 an argument is null; 22008 a day is infinite or not from 0001-01-01 to 9999-12-31; 54000 the days would be more than 10000 ranges.';

CREATE FUNCTION taskly.add_days_between(
	calendar text,
	first date,
	last date
)
RETURNS integer
LANGUAGE C VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'taskly_add_days_between_v1';
COMMENT ON FUNCTION taskly.add_days_between(text, date, date) IS 'Adds all days from first to last, both included, to a calendar; returns how many it did not have. Errors: 42704 no such calendar; 42501 it is another role''s; 22023 last is before first; 22004 an argument is null; 22008 a day is infinite or not from 0001-01-01 to 9999-12-31; 54000 the days would be more than 10000 ranges.';

CREATE FUNCTION taskly.remove_days(
	calendar text,
	VARIADIC days date[]
)
RETURNS integer
LANGUAGE C VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'taskly_remove_days_v1';
COMMENT ON FUNCTION taskly.remove_days(text, date[]) IS 'Removes days from a calendar; returns how many it had. Errors: 42704 no such calendar; 42501 it is another role''s; 22004 an argument is null; 22008 a day is infinite or not from 0001-01-01 to 9999-12-31; 54000 the days would be more than 10000 ranges.';

CREATE FUNCTION taskly.remove_days_between(
	calendar text,
	first date,
	last date
)
RETURNS integer
LANGUAGE C VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'taskly_remove_days_between_v1';
COMMENT ON FUNCTION taskly.remove_days_between(text, date, date) IS 'Removes all days from first to last, both included, from a calendar; returns how many it had. Errors: 42704 no such calendar; 42501 it is another role''s; 22023 last is before first; 22004 an argument is null; 22008 a day is infinite or not from 0001-01-01 to 9999-12-31; 54000 the days would be more than 10000 ranges.';
-- END calendars

/* ------------------------------------------------------------------------
 * Functions: runs
 * ------------------------------------------------------------------------ */

-- BEGIN runs
CREATE FUNCTION taskly.backfill(
	task text,
	since timestamptz,
	until timestamptz
)
RETURNS SETOF bigint
LANGUAGE C VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'taskly_backfill_v1';
COMMENT ON FUNCTION taskly.backfill(text, timestamptz, timestamptz) IS 'Makes a run, due now, of each occurrence that a task''s schedule has from since on, before until, whether it has run before or not; returns their run_ids. scheduled_for of each is its occurrence. Unless the task allows overlap, they run one after another. Tasks that come after it have their runs, too, which are not returned. Its starts_at, ends_at, calendar and jitter apply, max_runs does not. At most 100000. Errors: 42704 no such task, or not the caller''s; 22023 until is in the future, not after since, or infinite; 55000 the task has no schedule that recurs; 54000 too many occurrences; 53400 the queue is full.';

CREATE FUNCTION taskly.backfill(
	task_id bigint,
	since timestamptz,
	until timestamptz
)
RETURNS SETOF bigint
LANGUAGE C VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'taskly_backfill_by_id_v1';
COMMENT ON FUNCTION taskly.backfill(bigint, timestamptz, timestamptz) IS 'The same for a task given by its number. Errors: 42704 no such task, or not the caller''s; 22023 until is in the future, not after since, or infinite; 55000 the task has no schedule that recurs; 54000 too many occurrences; 53400 the queue is full.';

CREATE FUNCTION taskly.enqueue(
	task text,
	args jsonb DEFAULT NULL,
	run_at timestamptz DEFAULT pg_catalog.now(),
	priority integer DEFAULT NULL,
	key text DEFAULT NULL,
	unique_key text DEFAULT NULL,
	on_conflict text DEFAULT 'keep',
	unique_for interval DEFAULT NULL,
	deadline interval DEFAULT NULL,
	depends_on bigint[] DEFAULT NULL,
	depends_when text DEFAULT 'succeeded'
) RETURNS bigint
LANGUAGE c VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'taskly_enqueue_v1';
COMMENT ON FUNCTION taskly.enqueue(text, jsonb, timestamptz, integer, text, text, text, interval, interval, bigint[], text)
	IS 'Makes a run of a task, due at run_at; returns its run_id. The run exists if and only if the transaction commits. What is NULL is as the task says. key: runs of one key of a queue are limited or kept in order together. unique_key: while a run of this task and key waits, no second one is made; on_conflict says what becomes of the one that waits: keep leaves it as it is, replace gives it all that this call says, postpone moves it to run_at; its run_id is returned. A run that has begun is none that waits, and nobody waits for it; but who comes with the same key waits for the end of the transaction that came first. unique_for: also a run that was queued within that time counts, running or over, and is returned as it is. Keys have 1 to 200 bytes. depends_on: runs that it waits for, at most 1000; depends_when: they must have succeeded, or ended; both are ignored when an earlier run stays (keep), and refused with replace and postpone. Errors: 22023 an argument is out of range; 22004 an argument is null; 42704 no such task, or no such run to depend on, or not the caller''s; 53400 the queue is full; 55000 taskly is not loaded, or the tasks of the database are parked, or a run to depend on has ended, and not succeeded.';

CREATE FUNCTION taskly.enqueue(
	task_id bigint,
	args jsonb DEFAULT NULL,
	run_at timestamptz DEFAULT pg_catalog.now(),
	priority integer DEFAULT NULL,
	key text DEFAULT NULL,
	unique_key text DEFAULT NULL,
	on_conflict text DEFAULT 'keep',
	unique_for interval DEFAULT NULL,
	deadline interval DEFAULT NULL,
	depends_on bigint[] DEFAULT NULL,
	depends_when text DEFAULT 'succeeded'
) RETURNS bigint
LANGUAGE c VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'taskly_enqueue_by_id_v1';
COMMENT ON FUNCTION taskly.enqueue(bigint, jsonb, timestamptz, integer, text, text, text, interval, interval, bigint[], text)
	IS 'Makes a run of the task with this task_id; else as enqueue with a name.';

CREATE FUNCTION taskly.enqueue_many(
	task text,
	args jsonb[],
	keys text[] DEFAULT NULL,
	unique_keys text[] DEFAULT NULL,
	run_at timestamptz DEFAULT pg_catalog.now(),
	priority integer DEFAULT NULL,
	on_conflict text DEFAULT 'keep',
	unique_for interval DEFAULT NULL,
	deadline interval DEFAULT NULL
) RETURNS SETOF bigint
LANGUAGE c VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'taskly_enqueue_many_v1';
COMMENT ON FUNCTION taskly.enqueue_many(text, jsonb[], text[], text[], timestamptz, integer, text, interval, interval)
	IS 'Makes a run of a task for each element of args, which may be NULL; returns their run_ids in the same order. keys, unique_keys: an element for each run, which may be NULL: see enqueue(). Of elements with the same unique key one run is made: of the first, or of the last with on_conflict replace. At most 1000000 runs. Errors: as of enqueue(); 22023, too, when the arrays have different lengths.';

CREATE FUNCTION taskly.enqueue_many(
	task_id bigint,
	args jsonb[],
	keys text[] DEFAULT NULL,
	unique_keys text[] DEFAULT NULL,
	run_at timestamptz DEFAULT pg_catalog.now(),
	priority integer DEFAULT NULL,
	on_conflict text DEFAULT 'keep',
	unique_for interval DEFAULT NULL,
	deadline interval DEFAULT NULL
) RETURNS SETOF bigint
LANGUAGE c VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'taskly_enqueue_many_by_id_v1';
COMMENT ON FUNCTION taskly.enqueue_many(bigint, jsonb[], text[], text[], timestamptz, integer, text, interval, interval)
	IS 'Makes runs of the task with this task_id; else as enqueue_many with a name.';

CREATE FUNCTION taskly.submit(
	command text,
	kind text DEFAULT 'sql',
	args jsonb DEFAULT NULL,
	run_at timestamptz DEFAULT pg_catalog.now(),
	queue text DEFAULT 'default',
	priority integer DEFAULT 0,
	key text DEFAULT NULL,
	unique_key text DEFAULT NULL,
	on_conflict text DEFAULT 'keep',
	unique_for interval DEFAULT NULL,
	timeout interval DEFAULT NULL,
	deadline interval DEFAULT NULL,
	atomic boolean DEFAULT NULL,
	max_attempts integer DEFAULT 1,
	backoff text DEFAULT 'exponential 10s max 1h',
	retry_on text[] DEFAULT NULL,
	never_on text[] DEFAULT NULL,
	on_lost text DEFAULT NULL,
	on_failure text DEFAULT NULL,
	depends_on bigint[] DEFAULT NULL,
	depends_when text DEFAULT 'succeeded'
) RETURNS bigint
LANGUAGE c VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'taskly_submit_v1';
COMMENT ON FUNCTION taskly.submit(text, text, jsonb, timestamptz, text, integer, text, text, text, interval, interval, interval, boolean, integer, text, text[], text[], text, text, bigint[], text)
	IS 'Makes one run of a command, without a task, as the current role; returns its run_id. Its options are those of schedule() and, for unique_key, on_conflict and unique_for, of enqueue(): a unique key is one of all that the role has submitted; depends_on and depends_when are those of enqueue().';

CREATE FUNCTION taskly.cancel(run_id bigint) RETURNS boolean
LANGUAGE c VOLATILE STRICT PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'taskly_cancel_v1';
COMMENT ON FUNCTION taskly.cancel(bigint)
	IS 'Takes a waiting run back, or asks a running one to stop at commit; false when it is over. Never waits.';

CREATE FUNCTION taskly.cancel(run_ids bigint[]) RETURNS bigint
LANGUAGE c VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'taskly_cancel_many_v1';
COMMENT ON FUNCTION taskly.cancel(bigint[])
	IS 'Cancels those of the runs that can be cancelled and are the caller''s; returns how many.';

CREATE FUNCTION taskly.retry(run_id bigint) RETURNS boolean
LANGUAGE c VOLATILE STRICT PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'taskly_retry_v1';
COMMENT ON FUNCTION taskly.retry(bigint)
	IS 'Puts a run that ended badly back into its queue, due now, with one attempt more if it had none left; a run that waits for its next attempt becomes due now. What was skipped because of it comes back, too, and waits for it. False when there is nothing to retry. Errors: 42704 no such run, or not the caller''s; 55000 its task or queue is gone, another run with its unique key waits, or a run that it depends on has failed.';

CREATE FUNCTION taskly.retry(run_ids bigint[]) RETURNS bigint
LANGUAGE c VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'taskly_retry_many_v1';
COMMENT ON FUNCTION taskly.retry(bigint[])
	IS 'Retries those of the runs that can be retried and are the caller''s; returns how many.';

CREATE FUNCTION taskly.wait(run_id bigint, timeout interval DEFAULT NULL) RETURNS text
LANGUAGE c VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'taskly_wait_v1';
COMMENT ON FUNCTION taskly.wait(bigint, interval)
	IS 'Waits until a run is over and returns its final status; NULL when timeout has passed. finished: it is over, and left nothing in history, which its queue does not keep. Errors: 22004 run_id is null; 22023 timeout is negative; 42704 there is no such run, or it is not the caller''s to see; 55000 it is the calling run, or was made by this transaction.';

CREATE FUNCTION taskly.wait(
	run_ids bigint[],
	timeout interval DEFAULT NULL,
	any_of boolean DEFAULT false
) RETURNS TABLE (
	run_id bigint,
	status text
)
LANGUAGE c VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'taskly_wait_many_v1';
COMMENT ON FUNCTION taskly.wait(bigint[], interval, boolean)
	IS 'Waits until all of the runs are over, or with any_of the first of them: a row for each element, in the same order, with its final status, as wait(run_id) says it; NULL of one that is not over. Errors: 22004 run_ids or one of them is null; 22023 timeout is negative; 42704 there is no such run, or it is not the caller''s to see; 55000 one is the calling run, or was made by this transaction.';

CREATE FUNCTION taskly.snooze(delay interval) RETURNS void
LANGUAGE c VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'taskly_snooze_v1';
COMMENT ON FUNCTION taskly.snooze(interval)
	IS 'Called by a run: when its command has succeeded, the run is not over, but due again after delay, counted from then. Its effects stay, it costs no attempt and leaves no row in history. The last call counts; one that is rolled back does not. A deadline goes on: the run expires at it. Errors: 22004 delay is null; 22023 it is negative, or longer than 100 years; 54000 the run has snoozed 1000000 times; 55000 outside of a run.';

CREATE FUNCTION taskly.set_progress(
	done bigint,
	total bigint DEFAULT NULL,
	note text DEFAULT NULL
) RETURNS void
LANGUAGE c VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'taskly_set_progress_v1';
COMMENT ON FUNCTION taskly.set_progress(bigint, bigint, text)
	IS 'Called by a run: what progress_done, progress_total and progress_note of taskly.runs show from now on, before any commit, until it is over. A note is cut to 200 bytes. Errors: 22004 done is null; 22023 a number is negative, or done is more than total; 55000 outside of a run.';

CREATE FUNCTION taskly.set_result(result jsonb) RETURNS void
LANGUAGE c VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'taskly_set_result_v1';
COMMENT ON FUNCTION taskly.set_result(jsonb)
	IS 'Called by a run: sets the result that it has when it succeeds, instead of the first row of its command; NULL: none. The last call counts; one that is rolled back does not. Errors: 54000 it is longer than 64 kB; 55000 outside of a run.';

CREATE FUNCTION taskly.current_run(
	OUT run_id bigint,
	OUT task text,
	OUT attempt integer,
	OUT scheduled_for timestamptz,
	OUT args jsonb
) RETURNS SETOF record
LANGUAGE c STABLE PARALLEL RESTRICTED ROWS 1
AS 'MODULE_PATHNAME', 'taskly_current_run_v1';
COMMENT ON FUNCTION taskly.current_run()
	IS 'The run that calls it: one row inside a run, none elsewhere.';

CREATE FUNCTION taskly._parent_results() RETURNS jsonb
LANGUAGE c VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'taskly_parent_results_v1';
COMMENT ON FUNCTION taskly._parent_results()
	IS 'What parent_results() gives, as a JSON array; NULL when there is nothing.';

CREATE FUNCTION taskly.parent_results()
RETURNS TABLE (run_id bigint, task text, status text, result jsonb)
LANGUAGE sql VOLATILE PARALLEL UNSAFE ROWS 10
AS $$
	SELECT r.run_id, r.task, r.status, r.result
	FROM pg_catalog.jsonb_to_recordset(taskly._parent_results())
		AS r(run_id bigint, task text, status text, result jsonb)
$$;
COMMENT ON FUNCTION taskly.parent_results()
	IS 'Inside a run: the runs that it depends on, in the order of their run_ids, with how each has ended and its result; no row elsewhere. A run that is gone from history has no result; task is NULL for a run without a task, or when that was dropped.';
-- END runs

/* ------------------------------------------------------------------------
 * Functions: schedules
 * ------------------------------------------------------------------------ */

-- BEGIN schedules
CREATE FUNCTION taskly.next_runs(
	schedule text,
	n integer DEFAULT 5,
	after timestamptz DEFAULT pg_catalog.now(),
	timezone text DEFAULT NULL)
RETURNS SETOF timestamptz
LANGUAGE C STABLE PARALLEL SAFE ROWS 5
AS 'MODULE_PATHNAME', 'taskly_next_runs_v1';
COMMENT ON FUNCTION taskly.next_runs(text, integer, timestamptz, text) IS 'The next n (1 to 10000) instants after a time at which a schedule comes due. Intervals count from that time; of "... after finish" only the first is known, of @reboot none. timezone is an IANA name; NULL: taskly.timezone. Errors: 22004, 22023.';

CREATE FUNCTION taskly.explain_schedule(
	schedule text,
	timezone text DEFAULT NULL)
RETURNS text
LANGUAGE C STABLE PARALLEL SAFE
AS 'MODULE_PATHNAME', 'taskly_explain_schedule_v1';
COMMENT ON FUNCTION taskly.explain_schedule(text, text) IS 'What a schedule means, in English: ''at 09:30 on the last Friday of every month, Europe/Berlin''. timezone is an IANA name; NULL: taskly.timezone. The zone is named where it plays a part. Of more than three RDATEs or EXDATEs of a calendar rule it says the number. Errors: 22004, 22023.';

CREATE FUNCTION taskly.simulate(
	since timestamptz,
	until timestamptz,
	workers integer DEFAULT NULL,
	shell_runs integer DEFAULT NULL
) RETURNS TABLE (
	task_id bigint,
	task text,
	scheduled_for timestamptz,
	outcome text,
	predicted_start timestamptz,
	predicted_end timestamptz,
	lateness interval,
	overlapping boolean,
	misses_deadline boolean
)
LANGUAGE c STABLE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'taskly_simulate_v1';
COMMENT ON FUNCTION taskly.simulate(timestamptz, timestamptz, integer, integer) IS 'Plays what schedules have due from since on and before until, through the code that dispatches, and runs nothing, also while all is paused; one row for each occurrence, in no order. Starts with idle workers and empty queues. A run takes the mean of its task''s latest 100 successful attempts, else what the last run took, else 100 ms; all of them succeed. workers, shell_runs: how many run at once, 1 to 1024; NULL: taskly.max_workers, taskly.max_shell_runs. Who sees all tasks gets all, with what they do to each other; others their own, as if there were no others. outcome: succeeded, timed_out, expired, cancelled, skipped, or queued, when its queue is paused. predicted_start, predicted_end, lateness (from scheduled_for to the start): NULL when it does not start. overlapping: an earlier run of the task was not over. misses_deadline: it is not over at its deadline. Errors: 22004 since or until is null; 22023 one of them is infinite, or since is not the earlier, or a number is out of range; 54000 more than 1000000 occurrences; 55000 the tasks of the database are parked.';

CREATE FUNCTION taskly.schedulability(
	queue text,
	safety double precision DEFAULT 1.0
) RETURNS TABLE (
	scope text,
	task_id bigint,
	task text,
	owner regrole,
	algorithm text,
	workers integer,
	period interval,
	deadline interval,
	runs bigint,
	duration_max interval,
	duration_mean interval,
	wcet interval,
	utilisation double precision,
	bound double precision,
	hyperbolic double precision,
	blocking interval,
	response_time interval,
	arrival_rate double precision,
	load double precision,
	backlog bigint,
	backlog_work interval,
	drain_time interval,
	deadline_misses bigint,
	verdict text,
	test text,
	reason text
)
LANGUAGE c STABLE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'taskly_schedulability_v1';
COMMENT ON FUNCTION taskly.schedulability(text, double precision) IS 'Whether the tasks of a queue will meet their deadlines, by the tests of real-time scheduling theory, and whether its workers keep up: first a row for the queue, the summary, then one for runs without a task (submitted), if there are any, and one for each task (scope task). Durations are those of the latest 1000 attempts of each task: history, no bound. safety, 1 to 1000: the longest is multiplied by it. workers: the queue''s max_running or taskly.max_workers (of shell runs taskly.max_shell_runs), whichever is less. period: shortest time between two occurrences. deadline: as the task has it; without one, rate-monotonic tasks are tested against their period. wcet: what the tests take for the longest run: duration_max times safety, but not more than the task''s timeout. utilisation: wcet per period; the queue''s is the sum. bound: of Liu and Layland on the queue''s utilisation (rate_monotonic), 1 (edf), or the one for several workers; hyperbolic: the product of utilisations + 1, which is to be 2 at most. These two do not know of blocking; the verdict does. blocking: the longest that runs which are urgent less can hold up a run. response_time: the worst from due to end. arrival_rate: runs per second, by the schedule and what was enqueued in the last hour. load: arrival rate times mean duration per worker. backlog, backlog_work, drain_time: runs that are due and not over, the work they are, and when it will be done; NULL: never at this load. deadline_misses: of the runs measured. verdict: guaranteed, not guaranteed or infeasible; NULL: the task is paused or over; test: what says so; reason: why it is no guarantee. Who sees all tasks gets all; others their own, without a guarantee when there are tasks of others. Errors: 22004 an argument is null; 42704 no such queue; 22023 safety is out of range.';
-- END schedules

/* ------------------------------------------------------------------------
 * Functions behind views, and views
 * ------------------------------------------------------------------------ */

-- BEGIN views
CREATE FUNCTION taskly.node_name() RETURNS text
LANGUAGE sql STABLE PARALLEL SAFE
RETURN CASE
	WHEN pg_catalog.current_setting('cluster_name') OPERATOR(pg_catalog.=) '' THEN 'local'
	ELSE pg_catalog.current_setting('cluster_name')
END;
COMMENT ON FUNCTION taskly.node_name() IS 'Name of this server: its cluster_name, or "local".';

CREATE FUNCTION taskly.statement_time() RETURNS timestamptz
LANGUAGE c STABLE PARALLEL SAFE
AS 'MODULE_PATHNAME', 'taskly_statement_time_v1';
COMMENT ON FUNCTION taskly.statement_time()
	IS 'When the present statement began, by the clock that schedules and runs go by.';

CREATE FUNCTION taskly.reads_all() RETURNS boolean
LANGUAGE c STABLE PARALLEL SAFE
AS 'MODULE_PATHNAME', 'taskly_reads_all_v1';
COMMENT ON FUNCTION taskly.reads_all()
	IS 'Whether the current role sees the tasks and runs of all owners: members of pg_read_all_stats and of the extension''s owner do.';

CREATE FUNCTION taskly.running_runs(
	OUT run_id bigint,
	OUT task_id bigint,
	OUT owner regrole,
	OUT attempt integer,
	OUT pid integer,
	OUT picked_at timestamptz,
	OUT started_at timestamptz,
	OUT stuck boolean,
	OUT progress_done bigint,
	OUT progress_total bigint,
	OUT progress_note text
) RETURNS SETOF record
LANGUAGE c VOLATILE PARALLEL RESTRICTED ROWS 10
AS 'MODULE_PATHNAME', 'taskly_running_runs_v1';
COMMENT ON FUNCTION taskly.running_runs()
	IS 'Runs in execution in this database, from shared memory; only those that the current role may see.';

CREATE FUNCTION taskly.worker_processes(
	OUT kind text,
	OUT pid integer,
	OUT role regrole,
	OUT state text,
	OUT run_id bigint,
	OUT assigned integer,
	OUT runs bigint,
	OUT started_at timestamptz,
	OUT last_run_at timestamptz
) RETURNS SETOF record
LANGUAGE c VOLATILE PARALLEL RESTRICTED ROWS 10
AS 'MODULE_PATHNAME', 'taskly_worker_processes_v1';
COMMENT ON FUNCTION taskly.worker_processes()
	IS 'Processes that execute runs of this database, from shared memory; only those that the current role may see.';

CREATE FUNCTION taskly.scheduler_state(
	OUT pid integer,
	OUT state text,
	OUT term bigint,
	OUT led_since timestamptz,
	OUT waiting bigint,
	OUT scheduled bigint,
	OUT dispatched bigint,
	OUT wakeups bigint,
	OUT rescans bigint,
	OUT wakeup_latency interval
) RETURNS record
LANGUAGE c VOLATILE PARALLEL RESTRICTED
AS 'MODULE_PATHNAME', 'taskly_scheduler_state_v1';
COMMENT ON FUNCTION taskly.scheduler_state()
	IS 'The scheduler of this database, from shared memory; the counters only for those who see all.';

CREATE FUNCTION taskly.next_fire(
	task_id bigint
) RETURNS timestamptz
LANGUAGE c STABLE PARALLEL RESTRICTED
AS 'MODULE_PATHNAME', 'taskly_next_fire_v1';
COMMENT ON FUNCTION taskly.next_fire(bigint)
	IS 'The next occurrence of a task''s schedule, as its leader computes it; NULL when there is none, or the task is not the caller''s to see.';

CREATE VIEW taskly.tasks WITH (security_barrier) AS
SELECT
	t.task_id,
	t.name,
	t.owner,
	t.description,
	t.command,
	t.kind,
	t.atomic,
	t.args,
	q.name AS queue,
	t.priority,
	t.key,
	t.max_running,
	t.schedule,
	t.timezone,
	CASE
		WHEN t.schedule IS NOT NULL AND t.paused_at IS NULL
		THEN taskly.next_fire(t.task_id)
	END AS next_fire,
	CASE WHEN pg_catalog.isfinite(t.last_fire) THEN t.last_fire END AS last_fire,
	t.starts_at,
	t.ends_at,
	t.max_runs,
	t.jitter,
	t.timeout,
	t.deadline,
	t.max_attempts,
	t.backoff,
	t.retry_on,
	t.never_on,
	t.overlap,
	t.max_instances,
	t.missed,
	t.missed_limit,
	t.on_lost,
	t.on_failure,
	t.pause_after_failures,
	NULLIF(ARRAY(
		SELECT a.name
		FROM pg_catalog.unnest(t.after) WITH ORDINALITY AS i(task_id, n)
			JOIN taskly.task a ON a.task_id OPERATOR(pg_catalog.=) i.task_id
		ORDER BY i.n), '{}') AS after,
	c.name AS calendar,
	t.on_excluded,
	t.last_run_id,
	t.last_status,
	t.last_started_at,
	t.last_finished_at,
	t.last_failure_run_id,
	t.last_failure_at,
	t.last_failure_message,
	t.fires,
	t.runs,
	t.failures,
	t.consecutive_failures,
	CASE
		WHEN t.last_finished_at OPERATOR(pg_catalog.>) (taskly.statement_time() OPERATOR(pg_catalog.-) '1 hour'::interval)
		THEN (
			SELECT pg_catalog.count(*)
			FROM (
				SELECT f.is_final, f.finished_at, f.deadline_at
				FROM taskly.finished_run f
				WHERE f.task_id OPERATOR(pg_catalog.=) t.task_id
					AND f.finished_at OPERATOR(pg_catalog.>) (taskly.statement_time() OPERATOR(pg_catalog.-) '1 hour'::interval)
				ORDER BY f.finished_at DESC
				LIMIT 100
			) r
			WHERE r.is_final AND r.finished_at OPERATOR(pg_catalog.>) r.deadline_at)
		ELSE 0
	END AS deadline_misses,
	t.skipped,
	t.missed_count,
	t.paused_at,
	t.paused_reason,
	t.home_id OPERATOR(pg_catalog.<>) h.home_id OR h.database OPERATOR(pg_catalog.<>) d.oid AS parked,
	t.created_at,
	t.altered_at
FROM taskly.task t
	JOIN pg_catalog.pg_database d ON d.datname OPERATOR(pg_catalog.=) pg_catalog.current_database()
	LEFT JOIN taskly.queue q ON q.queue_id OPERATOR(pg_catalog.=) t.queue_id
	LEFT JOIN taskly.calendar c ON c.calendar_id OPERATOR(pg_catalog.=) t.calendar_id
	LEFT JOIN taskly.home h ON true
WHERE ((SELECT taskly.reads_all()) OR pg_catalog.pg_has_role(t.owner, 'USAGE'));
COMMENT ON VIEW taskly.tasks IS 'The tasks that the reader may see.';
COMMENT ON COLUMN taskly.tasks.task_id IS 'number of the task, which stays when it is renamed or replaced';
COMMENT ON COLUMN taskly.tasks.name IS 'name of the task, unique among those of its owner';
COMMENT ON COLUMN taskly.tasks.owner IS 'role that the task runs as';
COMMENT ON COLUMN taskly.tasks.description IS 'free text';
COMMENT ON COLUMN taskly.tasks.command IS 'what a run executes';
COMMENT ON COLUMN taskly.tasks.kind IS 'sql or shell';
COMMENT ON COLUMN taskly.tasks.atomic IS 'whether a run is one transaction with its outcome';
COMMENT ON COLUMN taskly.tasks.args IS '$1 of the command, unless a run has its own';
COMMENT ON COLUMN taskly.tasks.queue IS 'queue that its runs go to';
COMMENT ON COLUMN taskly.tasks.priority IS 'priority of its runs in a priority queue';
COMMENT ON COLUMN taskly.tasks.key IS 'key of its runs';
COMMENT ON COLUMN taskly.tasks.max_running IS 'most runs of it in execution at a time; NULL: no limit';
COMMENT ON COLUMN taskly.tasks.schedule IS 'when it recurs; NULL: only when it is enqueued';
COMMENT ON COLUMN taskly.tasks.timezone IS 'time zone of the schedule; NULL: as taskly.timezone says';
COMMENT ON COLUMN taskly.tasks.next_fire IS 'next occurrence of the schedule, jitter included; NULL when the task is paused, or its schedule is over; pause_all() does not count';
COMMENT ON COLUMN taskly.tasks.last_fire IS 'last occurrence that became a run, was skipped or given up; when the schedule was given, altered or resumed, if that was later';
COMMENT ON COLUMN taskly.tasks.starts_at IS 'no occurrence before';
COMMENT ON COLUMN taskly.tasks.ends_at IS 'no occurrence after';
COMMENT ON COLUMN taskly.tasks.max_runs IS 'occurrences after which the schedule is over';
COMMENT ON COLUMN taskly.tasks.jitter IS 'range of the task''s own delay, the same for each occurrence';
COMMENT ON COLUMN taskly.tasks.timeout IS 'longest time of an attempt';
COMMENT ON COLUMN taskly.tasks.deadline IS 'time after the due time by which a run must have started, and ended';
COMMENT ON COLUMN taskly.tasks.max_attempts IS 'attempts that a run has';
COMMENT ON COLUMN taskly.tasks.backoff IS 'time between attempts';
COMMENT ON COLUMN taskly.tasks.retry_on IS 'failures that are tried again: SQLSTATEs, their classes, or exit codes; NULL: all';
COMMENT ON COLUMN taskly.tasks.never_on IS 'failures that are not tried again';
COMMENT ON COLUMN taskly.tasks.overlap IS 'what an occurrence does when the one before still runs';
COMMENT ON COLUMN taskly.tasks.max_instances IS 'with overlap allow: most occurrences that are not over at a time; NULL: no limit';
COMMENT ON COLUMN taskly.tasks.missed IS 'what becomes of occurrences in a downtime';
COMMENT ON COLUMN taskly.tasks.missed_limit IS 'with missed all: most occurrences that are made up after a downtime, the latest ones';
COMMENT ON COLUMN taskly.tasks.on_lost IS 'what becomes of a run whose process vanished';
COMMENT ON COLUMN taskly.tasks.on_failure IS 'task that is enqueued when a run ends badly';
COMMENT ON COLUMN taskly.tasks.pause_after_failures IS 'consecutive failures that pause the task; NULL: none do';
COMMENT ON COLUMN taskly.tasks.after IS 'names of the tasks that it comes after; NULL: none';
COMMENT ON COLUMN taskly.tasks.calendar IS 'calendar of days off that the schedule minds';
COMMENT ON COLUMN taskly.tasks.on_excluded IS 'what an occurrence on a day off does: skip, or move to the next or previous other day';
COMMENT ON COLUMN taskly.tasks.last_run_id IS 'latest run that is over';
COMMENT ON COLUMN taskly.tasks.last_status IS 'its status';
COMMENT ON COLUMN taskly.tasks.last_started_at IS 'when its last attempt started';
COMMENT ON COLUMN taskly.tasks.last_finished_at IS 'when it ended';
COMMENT ON COLUMN taskly.tasks.last_failure_run_id IS 'latest run that ended badly';
COMMENT ON COLUMN taskly.tasks.last_failure_at IS 'when that was';
COMMENT ON COLUMN taskly.tasks.last_failure_message IS 'its error message';
COMMENT ON COLUMN taskly.tasks.fires IS 'occurrences that became runs since schedule and starts_at are what they are; max_runs bounds it';
COMMENT ON COLUMN taskly.tasks.runs IS 'runs that are over';
COMMENT ON COLUMN taskly.tasks.failures IS 'runs that ended badly';
COMMENT ON COLUMN taskly.tasks.consecutive_failures IS 'runs that ended badly since the last that succeeded';
COMMENT ON COLUMN taskly.tasks.deadline_misses IS 'runs of the last hour, of the latest 100 attempts, that were not over at their deadline';
COMMENT ON COLUMN taskly.tasks.skipped IS 'occurrences that the overlap policy skipped';
COMMENT ON COLUMN taskly.tasks.missed_count IS 'occurrences in an outage that were not made up; written when the task fires next';
COMMENT ON COLUMN taskly.tasks.paused_at IS 'since when it is paused; NULL: it is not';
COMMENT ON COLUMN taskly.tasks.paused_reason IS 'why';
COMMENT ON COLUMN taskly.tasks.parked IS 'whether it waits for taskly.adopt(), as this is a copy of its database';
COMMENT ON COLUMN taskly.tasks.created_at IS 'when it was made';
COMMENT ON COLUMN taskly.tasks.altered_at IS 'when its definition changed last';

CREATE FUNCTION taskly.upcoming_occurrences(
	until timestamptz,
	since timestamptz,
	task text
) RETURNS TABLE (
	scheduled_for timestamptz,
	task_id bigint
)
LANGUAGE c STABLE PARALLEL RESTRICTED
AS 'MODULE_PATHNAME', 'taskly_upcoming_occurrences_v1';
COMMENT ON FUNCTION taskly.upcoming_occurrences(timestamptz, timestamptz, text)
	IS 'What taskly.upcoming() shows, without the names.';

CREATE FUNCTION taskly.upcoming(
	until timestamptz,
	since timestamptz DEFAULT pg_catalog.now(),
	only_task text DEFAULT NULL
) RETURNS TABLE (
	scheduled_for timestamptz,
	task_id bigint,
	task text,
	owner regrole
)
LANGUAGE sql STABLE PARALLEL RESTRICTED
AS $$
	SELECT u.scheduled_for, u.task_id, t.name, t.owner
	FROM taskly.upcoming_occurrences(until, since, only_task) u
		JOIN taskly.tasks t ON t.task_id OPERATOR(pg_catalog.=) u.task_id
	ORDER BY 1, 2
$$;
COMMENT ON FUNCTION taskly.upcoming(timestamptz, timestamptz, text)
	IS 'Occurrences that will be due from since up to until, both included, of the tasks that the caller may see, or of those with one name (only_task): in order, with jitter, days off, ends_at and max_runs, as the leader will compute them; what was due before now is past, and not shown: see taskly.simulate(). Paused tasks have none, but pause_all() and taskly.enabled do not count; of a task "after finish" the next is known only while it does not run. Overlap is not foreseen: see taskly.simulate(). At most 1000000 rows. Errors: 22023 an instant is infinite, or since is not before until; 42704 no such task with a schedule, or not the caller''s to see; 54000 too many rows.';

CREATE VIEW taskly.runs WITH (security_barrier) AS
SELECT
	p.run_id,
	p.task_id,
	t.name AS task,
	p.owner,
	q.name AS queue,
	p.key,
	p.unique_key,
	p.priority,
	COALESCE(p.kind, t.kind) AS kind,
	COALESCE(p.atomic, t.atomic) AS atomic,
	COALESCE(p.command, t.command) AS command,
	p.args,
	p.source,
	CASE
		WHEN a.run_id IS NOT NULL OR p.started_at IS NOT NULL THEN 'running'
		WHEN p.due_at OPERATOR(pg_catalog.=) 'infinity' THEN 'waiting'
		WHEN p.attempt OPERATOR(pg_catalog.>) 0 THEN 'retrying'
		WHEN p.due_at OPERATOR(pg_catalog.<=) GREATEST(taskly.statement_time(), p.queued_at) THEN 'queued'
		ELSE 'scheduled'
	END AS status,
	COALESCE(a.attempt, p.attempt) AS attempt,
	COALESCE(p.max_attempts, t.max_attempts) AS max_attempts,
	COALESCE(p.snoozes, 0) AS snoozes,
	p.scheduled_for,
	p.due_at,
	p.queued_at,
	a.picked_at,
	COALESCE(a.started_at, p.started_at) AS started_at,
	NULL::timestamptz AS finished_at,
	GREATEST(taskly.statement_time() OPERATOR(pg_catalog.-) COALESCE(a.started_at, p.started_at), '0'::interval) AS duration,
	COALESCE(a.started_at, p.started_at) OPERATOR(pg_catalog.-)
		NULLIF(p.due_at, 'infinity') AS lateness,
	p.deadline_at AS deadline,
	COALESCE(p.timeout, t.timeout) AS timeout,
	CASE WHEN a.run_id IS NOT NULL THEN n.node END AS node,
	COALESCE(a.pid, p.pid) AS pid,
	a.progress_done,
	a.progress_total,
	a.progress_note,
	NULL::bigint AS rows,
	NULL::integer AS exit_code,
	NULL::text AS tag,
	p.last_sqlstate AS sqlstate,
	p.last_message AS message,
	NULL::text AS detail,
	NULL::text AS hint,
	NULL::text AS context,
	NULL::text AS output,
	NULL::bigint AS output_bytes,
	NULL::jsonb AS result,
	COALESCE(a.stuck, false) AS stuck,
	NULLIF(ARRAY(
		SELECT d.parent_id FROM taskly.run_dependency d
		WHERE d.run_id OPERATOR(pg_catalog.=) p.run_id
		ORDER BY d.parent_id), '{}') AS depends_on
FROM taskly.pending_run p
	LEFT JOIN taskly.task t ON t.task_id OPERATOR(pg_catalog.=) p.task_id
	LEFT JOIN taskly.queue q ON q.queue_id OPERATOR(pg_catalog.=) p.queue_id
	LEFT JOIN taskly.running_runs() a ON a.run_id OPERATOR(pg_catalog.=) p.run_id
		AND (p.started_at IS NOT NULL OR a.attempt OPERATOR(pg_catalog.>) p.attempt)
	CROSS JOIN (SELECT taskly.node_name() AS node) n
WHERE ((SELECT taskly.reads_all()) OR pg_catalog.pg_has_role(p.owner, 'USAGE'))
UNION ALL
SELECT
	f.run_id,
	f.task_id,
	t.name,
	f.owner,
	q.name,
	f.key,
	f.unique_key,
	f.priority,
	COALESCE(f.kind, t.kind),
	COALESCE(f.atomic, t.atomic),
	COALESCE(f.command, t.command),
	f.args,
	f.source,
	f.status,
	f.attempt,
	COALESCE(f.max_attempts, t.max_attempts),
	COALESCE(f.snoozes, 0),
	f.scheduled_for,
	f.due_at,
	f.queued_at,
	f.picked_at,
	f.started_at,
	f.finished_at,
	f.finished_at OPERATOR(pg_catalog.-) f.started_at,
	f.started_at OPERATOR(pg_catalog.-) f.due_at,
	f.deadline_at,
	COALESCE(f.timeout, t.timeout),
	NULL::text,
	f.pid,
	NULL::bigint,
	NULL::bigint,
	NULL::text,
	f.rows,
	f.exit_code,
	f.tag,
	f.sqlstate,
	f.message,
	f.detail,
	f.hint,
	f.context,
	f.output,
	f.output_bytes,
	f.result,
	false,
	NULLIF(ARRAY(
		SELECT d.parent_id FROM taskly.run_dependency d
		WHERE d.run_id OPERATOR(pg_catalog.=) f.run_id
		ORDER BY d.parent_id), '{}')
FROM taskly.finished_run f
	LEFT JOIN taskly.task t ON t.task_id OPERATOR(pg_catalog.=) f.task_id
	LEFT JOIN taskly.queue q ON q.queue_id OPERATOR(pg_catalog.=) f.queue_id
WHERE f.is_final
	AND ((SELECT taskly.reads_all()) OR pg_catalog.pg_has_role(f.owner, 'USAGE'));
COMMENT ON VIEW taskly.runs IS 'One row for each run that the reader may see: waiting, running (from shared memory) and finished ones, by their last attempt.';
COMMENT ON COLUMN taskly.runs.run_id IS 'number of the run';
COMMENT ON COLUMN taskly.runs.task_id IS 'task that it is a run of; NULL: submitted without one';
COMMENT ON COLUMN taskly.runs.task IS 'name of that task; NULL, too, when it was dropped';
COMMENT ON COLUMN taskly.runs.owner IS 'role that it runs as';
COMMENT ON COLUMN taskly.runs.queue IS 'queue that it is in';
COMMENT ON COLUMN taskly.runs.key IS 'runs of one key are limited or kept in order together';
COMMENT ON COLUMN taskly.runs.unique_key IS 'what keeps it from being enqueued twice';
COMMENT ON COLUMN taskly.runs.priority IS 'priority in a priority queue';
COMMENT ON COLUMN taskly.runs.kind IS 'sql or shell';
COMMENT ON COLUMN taskly.runs.atomic IS 'whether it is one transaction with its outcome';
COMMENT ON COLUMN taskly.runs.command IS 'what it executes; of a task''s run: as the task says now';
COMMENT ON COLUMN taskly.runs.args IS 'its arguments';
COMMENT ON COLUMN taskly.runs.source IS 'who made it: schedule, backfill, enqueue, submit or on_failure';
COMMENT ON COLUMN taskly.runs.status IS 'scheduled, queued, waiting (for other runs), retrying, running, or how it ended';
COMMENT ON COLUMN taskly.runs.attempt IS 'attempts until now, a running one included';
COMMENT ON COLUMN taskly.runs.max_attempts IS 'attempts that it has';
COMMENT ON COLUMN taskly.runs.snoozes IS 'how often it has asked, by taskly.snooze(), to come again later';
COMMENT ON COLUMN taskly.runs.scheduled_for IS 'when it was due at first';
COMMENT ON COLUMN taskly.runs.due_at IS 'when it is due now: later than scheduled_for after a failed attempt or a snooze; infinity while it waits for other runs';
COMMENT ON COLUMN taskly.runs.queued_at IS 'when it was made';
COMMENT ON COLUMN taskly.runs.picked_at IS 'when the scheduler handed it to a process';
COMMENT ON COLUMN taskly.runs.started_at IS 'when its last attempt started';
COMMENT ON COLUMN taskly.runs.finished_at IS 'when it ended';
COMMENT ON COLUMN taskly.runs.duration IS 'length of its last attempt';
COMMENT ON COLUMN taskly.runs.lateness IS 'from due to started';
COMMENT ON COLUMN taskly.runs.deadline IS 'instant by which it must have started, and ended';
COMMENT ON COLUMN taskly.runs.timeout IS 'longest time of an attempt';
COMMENT ON COLUMN taskly.runs.node IS 'server that executes it; NULL while nobody does';
COMMENT ON COLUMN taskly.runs.pid IS 'process that executes or executed it';
COMMENT ON COLUMN taskly.runs.progress_done IS 'how much is done, as the run has said by taskly.set_progress(); NULL when it is over';
COMMENT ON COLUMN taskly.runs.progress_total IS 'of how much';
COMMENT ON COLUMN taskly.runs.progress_note IS 'what it says to that';
COMMENT ON COLUMN taskly.runs.rows IS 'rows that its last statement returned or changed';
COMMENT ON COLUMN taskly.runs.exit_code IS 'of a shell command';
COMMENT ON COLUMN taskly.runs.tag IS 'command tag of its last statement';
COMMENT ON COLUMN taskly.runs.sqlstate IS 'code of its error; before it is over, of its last attempt that failed';
COMMENT ON COLUMN taskly.runs.message IS 'message of its error; before it is over, of its last attempt that failed';
COMMENT ON COLUMN taskly.runs.detail IS 'detail of its error';
COMMENT ON COLUMN taskly.runs.hint IS 'hint of its error';
COMMENT ON COLUMN taskly.runs.context IS 'where in the command it failed, if the error says so, and the context of its error';
COMMENT ON COLUMN taskly.runs.output IS 'what a shell command printed, as far as taskly.output_limit lets keep';
COMMENT ON COLUMN taskly.runs.output_bytes IS 'how much it printed';
COMMENT ON COLUMN taskly.runs.result IS 'what it gave to taskly.set_result(), else the first row of its last statement that returned one; NULL: nothing, or what cannot be kept, such as more than 64 kB; then message says so';
COMMENT ON COLUMN taskly.runs.stuck IS 'whether it did not stop when it was told to';
COMMENT ON COLUMN taskly.runs.depends_on IS 'runs that it waits, or has waited, for; NULL: none';

CREATE VIEW taskly.attempts WITH (security_barrier) AS
SELECT
	f.run_id,
	f.attempt,
	f.task_id,
	t.name AS task,
	f.owner,
	q.name AS queue,
	f.key,
	COALESCE(f.kind, t.kind) AS kind,
	f.status,
	f.is_final,
	f.due_at,
	f.picked_at,
	f.started_at,
	f.finished_at,
	f.finished_at OPERATOR(pg_catalog.-) f.started_at AS duration,
	f.started_at OPERATOR(pg_catalog.-) f.due_at AS lateness,
	f.pid,
	f.rows,
	f.exit_code,
	f.tag,
	f.sqlstate,
	f.message,
	f.detail,
	f.hint,
	f.context,
	f.output,
	f.output_bytes,
	f.result
FROM taskly.finished_run f
	LEFT JOIN taskly.task t ON t.task_id OPERATOR(pg_catalog.=) f.task_id
	LEFT JOIN taskly.queue q ON q.queue_id OPERATOR(pg_catalog.=) f.queue_id
WHERE ((SELECT taskly.reads_all()) OR pg_catalog.pg_has_role(f.owner, 'USAGE'));
COMMENT ON VIEW taskly.attempts IS 'One row for each attempt that has ended, and for each end without an attempt, of the runs that the reader may see.';
COMMENT ON COLUMN taskly.attempts.run_id IS 'run that was tried';
COMMENT ON COLUMN taskly.attempts.attempt IS 'number of the attempt, from 1; of an end without an attempt (cancelled, expired): attempts before';
COMMENT ON COLUMN taskly.attempts.task_id IS 'task of the run';
COMMENT ON COLUMN taskly.attempts.task IS 'name of that task';
COMMENT ON COLUMN taskly.attempts.owner IS 'role that it ran as';
COMMENT ON COLUMN taskly.attempts.queue IS 'queue of the run';
COMMENT ON COLUMN taskly.attempts.key IS 'key of the run';
COMMENT ON COLUMN taskly.attempts.kind IS 'sql or shell';
COMMENT ON COLUMN taskly.attempts.status IS 'how the attempt ended';
COMMENT ON COLUMN taskly.attempts.is_final IS 'false: the run was tried again';
COMMENT ON COLUMN taskly.attempts.due_at IS 'when the attempt was due';
COMMENT ON COLUMN taskly.attempts.picked_at IS 'when the scheduler handed it to a process';
COMMENT ON COLUMN taskly.attempts.started_at IS 'when it started';
COMMENT ON COLUMN taskly.attempts.finished_at IS 'when it ended';
COMMENT ON COLUMN taskly.attempts.duration IS 'how long it took';
COMMENT ON COLUMN taskly.attempts.lateness IS 'from due to started';
COMMENT ON COLUMN taskly.attempts.pid IS 'process that executed it';
COMMENT ON COLUMN taskly.attempts.rows IS 'rows that its last statement returned or changed';
COMMENT ON COLUMN taskly.attempts.exit_code IS 'of a shell command';
COMMENT ON COLUMN taskly.attempts.tag IS 'command tag of its last statement';
COMMENT ON COLUMN taskly.attempts.sqlstate IS 'code of its error';
COMMENT ON COLUMN taskly.attempts.message IS 'message of its error';
COMMENT ON COLUMN taskly.attempts.detail IS 'detail of its error';
COMMENT ON COLUMN taskly.attempts.hint IS 'hint of its error';
COMMENT ON COLUMN taskly.attempts.context IS 'where in the command it failed, if the error says so, and the context of its error';
COMMENT ON COLUMN taskly.attempts.output IS 'what a shell command printed, as far as taskly.output_limit lets keep';
COMMENT ON COLUMN taskly.attempts.output_bytes IS 'how much it printed';
COMMENT ON COLUMN taskly.attempts.result IS 'what it gave to taskly.set_result(), else the first row of its last statement that returned one; NULL: nothing, or what cannot be kept, such as more than 64 kB; then message says so';

CREATE VIEW taskly.failures WITH (security_barrier) AS
SELECT
	f.finished_at,
	f.run_id,
	f.task_id,
	t.name AS task,
	f.owner,
	q.name AS queue,
	f.key,
	f.status,
	f.attempt,
	f.scheduled_for,
	f.started_at,
	f.finished_at OPERATOR(pg_catalog.-) f.started_at AS duration,
	f.exit_code,
	f.sqlstate,
	f.message,
	f.detail,
	f.hint,
	f.context,
	f.output,
	COALESCE(f.command, t.command) AS command,
	f.args
FROM taskly.finished_run f
	LEFT JOIN taskly.task t ON t.task_id OPERATOR(pg_catalog.=) f.task_id
	LEFT JOIN taskly.queue q ON q.queue_id OPERATOR(pg_catalog.=) f.queue_id
WHERE f.is_final
	AND f.status OPERATOR(pg_catalog.=) ANY ('{failed,timed_out,expired,lost,denied,quarantined}'::text[])
	AND ((SELECT taskly.reads_all()) OR pg_catalog.pg_has_role(f.owner, 'USAGE'))
ORDER BY f.finished_at DESC;
COMMENT ON VIEW taskly.failures IS 'Runs that the reader may see and that ended badly, newest first; not those that were retried since.';
COMMENT ON COLUMN taskly.failures.finished_at IS 'when it ended';
COMMENT ON COLUMN taskly.failures.run_id IS 'number of the run';
COMMENT ON COLUMN taskly.failures.task_id IS 'task that it is a run of';
COMMENT ON COLUMN taskly.failures.task IS 'name of that task';
COMMENT ON COLUMN taskly.failures.owner IS 'role that it ran as';
COMMENT ON COLUMN taskly.failures.queue IS 'queue that it was in';
COMMENT ON COLUMN taskly.failures.key IS 'key of the run';
COMMENT ON COLUMN taskly.failures.status IS 'failed, timed_out, expired, lost, denied or quarantined';
COMMENT ON COLUMN taskly.failures.attempt IS 'attempts that it had';
COMMENT ON COLUMN taskly.failures.scheduled_for IS 'when it was due';
COMMENT ON COLUMN taskly.failures.started_at IS 'when its last attempt started';
COMMENT ON COLUMN taskly.failures.duration IS 'length of its last attempt';
COMMENT ON COLUMN taskly.failures.exit_code IS 'of a shell command';
COMMENT ON COLUMN taskly.failures.sqlstate IS 'code of its error';
COMMENT ON COLUMN taskly.failures.message IS 'message of its error';
COMMENT ON COLUMN taskly.failures.detail IS 'detail of its error';
COMMENT ON COLUMN taskly.failures.hint IS 'hint of its error';
COMMENT ON COLUMN taskly.failures.context IS 'where in the command it failed, if the error says so, and the context of its error';
COMMENT ON COLUMN taskly.failures.output IS 'what a shell command printed';
COMMENT ON COLUMN taskly.failures.command IS 'what it executed; of a task''s run: as the task says now';
COMMENT ON COLUMN taskly.failures.args IS 'its arguments';

CREATE VIEW taskly.quotas WITH (security_barrier) AS
SELECT
	r.role,
	r.role IS NOT NULL AND q.role IS NULL AS is_general,
	q.max_pending,
	CASE WHEN r.role IS NOT NULL THEN COALESCE(p.pending, 0) END AS pending,
	q.max_tasks,
	CASE WHEN r.role IS NOT NULL THEN COALESCE(t.tasks, 0) END AS tasks,
	q.max_running,
	CASE WHEN r.role IS NOT NULL THEN COALESCE(a.running, 0) END AS running
FROM (
		SELECT o.role FROM taskly.quota o
		UNION
		SELECT o.owner FROM taskly.task o
		UNION
		SELECT o.owner FROM taskly.pending_run o
	) r
	LEFT JOIN pg_catalog.pg_roles s ON s.oid OPERATOR(pg_catalog.=) r.role
	CROSS JOIN LATERAL (
		SELECT o.*
		FROM taskly.quota o
		WHERE o.role OPERATOR(pg_catalog.=) r.role OR o.role IS NULL AND s.rolsuper IS NOT TRUE
		ORDER BY o.role NULLS LAST
		LIMIT 1
	) q
	LEFT JOIN (
		SELECT o.owner, pg_catalog.count(*) AS pending
		FROM taskly.pending_run o
		GROUP BY o.owner
	) p ON p.owner OPERATOR(pg_catalog.=) r.role
	LEFT JOIN (
		SELECT o.owner, pg_catalog.count(*) AS tasks
		FROM taskly.task o
		GROUP BY o.owner
	) t ON t.owner OPERATOR(pg_catalog.=) r.role
	LEFT JOIN (
		SELECT o.owner, pg_catalog.count(*) AS running
		FROM taskly.running_runs() o
		GROUP BY o.owner
	) a ON a.owner OPERATOR(pg_catalog.=) r.role
WHERE r.role IS NULL OR (SELECT taskly.reads_all()) OR pg_catalog.pg_has_role(r.role, 'USAGE');
COMMENT ON VIEW taskly.quotas IS 'How much roles may have, and have: a row for each role with a quota of its own; when there is a quota for all others, one for it, and one for each role with tasks or pending runs that it binds. Readers see the roles that they may see the tasks of.';
COMMENT ON COLUMN taskly.quotas.role IS 'whose quota it is; NULL: the quota of those that have none of their own';
COMMENT ON COLUMN taskly.quotas.is_general IS 'whether the role has no quota of its own, so that the general one binds it';
COMMENT ON COLUMN taskly.quotas.max_pending IS 'most runs that have not finished; NULL: no limit';
COMMENT ON COLUMN taskly.quotas.pending IS 'runs of the role that have not finished';
COMMENT ON COLUMN taskly.quotas.max_tasks IS 'most tasks; NULL: no limit';
COMMENT ON COLUMN taskly.quotas.tasks IS 'tasks of the role';
COMMENT ON COLUMN taskly.quotas.max_running IS 'most runs in execution at a time; NULL: no limit';
COMMENT ON COLUMN taskly.quotas.running IS 'runs of the role in execution';

CREATE VIEW taskly.calendars WITH (security_barrier) AS
SELECT
	c.calendar_id,
	c.name,
	c.owner,
	c.description,
	c.days,
	(
		SELECT COALESCE(pg_catalog.sum(pg_catalog.upper(r) OPERATOR(pg_catalog.-) pg_catalog.lower(r)), 0)
		FROM pg_catalog.unnest(c.days) AS r
	) AS day_count,
	(
		SELECT pg_catalog.count(*)
		FROM taskly.task t
		WHERE t.calendar_id OPERATOR(pg_catalog.=) c.calendar_id
			AND ((SELECT taskly.reads_all()) OR pg_catalog.pg_has_role(t.owner, 'USAGE'))
	) AS tasks,
	c.created_at,
	c.altered_at
FROM taskly.calendar c;
COMMENT ON VIEW taskly.calendars IS 'All calendars; what is counted are the tasks that the reader may see.';
COMMENT ON COLUMN taskly.calendars.calendar_id IS 'number of the calendar';
COMMENT ON COLUMN taskly.calendars.name IS 'name of the calendar';
COMMENT ON COLUMN taskly.calendars.owner IS 'role that may change it';
COMMENT ON COLUMN taskly.calendars.description IS 'free text';
COMMENT ON COLUMN taskly.calendars.days IS 'days that it excludes, as ranges without their ends';
COMMENT ON COLUMN taskly.calendars.day_count IS 'how many days it excludes';
COMMENT ON COLUMN taskly.calendars.tasks IS 'tasks that name it';
COMMENT ON COLUMN taskly.calendars.created_at IS 'when it was made';
COMMENT ON COLUMN taskly.calendars.altered_at IS 'when its days were changed last';

CREATE VIEW taskly.workers WITH (security_barrier) AS
SELECT
	taskly.node_name() AS node,
	w.kind,
	w.pid,
	w.role,
	w.state,
	w.run_id,
	t.name AS task,
	w.assigned,
	w.runs,
	w.started_at,
	w.last_run_at
FROM taskly.worker_processes() w
	LEFT JOIN taskly.running_runs() a ON a.run_id OPERATOR(pg_catalog.=) w.run_id
	LEFT JOIN taskly.task t ON t.task_id OPERATOR(pg_catalog.=) a.task_id;
COMMENT ON VIEW taskly.workers IS 'Processes that execute runs of this database: workers of the reader''s roles; the supervisor of shell runs for those who see all.';
COMMENT ON COLUMN taskly.workers.node IS 'server that it is a process of';
COMMENT ON COLUMN taskly.workers.kind IS 'worker (SQL runs of one role) or supervisor (shell runs)';
COMMENT ON COLUMN taskly.workers.pid IS 'its process';
COMMENT ON COLUMN taskly.workers.role IS 'role that it has logged in as; NULL: a supervisor';
COMMENT ON COLUMN taskly.workers.state IS 'starting, ready, running (executes a run now), retiring (ends after its run) or left';
COMMENT ON COLUMN taskly.workers.run_id IS 'what it executes now';
COMMENT ON COLUMN taskly.workers.task IS 'name of that run''s task';
COMMENT ON COLUMN taskly.workers.assigned IS 'runs that are handed to it and have not started';
COMMENT ON COLUMN taskly.workers.runs IS 'runs that it has executed';
COMMENT ON COLUMN taskly.workers.started_at IS 'since when it runs';
COMMENT ON COLUMN taskly.workers.last_run_at IS 'when it ended a run last';

CREATE VIEW taskly.nodes WITH (security_barrier) AS
SELECT
	taskly.node_name() AS node,
	CASE WHEN pg_catalog.pg_is_in_recovery() THEN 'standby' ELSE 'primary' END AS role,
	pg_catalog.pg_postmaster_start_time() AS started_at,
	s.pid AS scheduler_pid,
	pg_catalog.current_setting('taskly.max_workers', true)::integer AS max_workers,
	pg_catalog.current_setting('taskly.max_shell_runs', true)::integer AS max_shell_runs
FROM taskly.scheduler_state() s;
COMMENT ON VIEW taskly.nodes IS 'Servers that execute runs of this database.';
COMMENT ON COLUMN taskly.nodes.node IS 'name of the server: its cluster_name, or "local"';
COMMENT ON COLUMN taskly.nodes.role IS 'primary or standby';
COMMENT ON COLUMN taskly.nodes.started_at IS 'since when it runs';
COMMENT ON COLUMN taskly.nodes.scheduler_pid IS 'process of this database''s scheduler; NULL: there is none';
COMMENT ON COLUMN taskly.nodes.max_workers IS 'SQL runs that it executes at a time, of all databases';
COMMENT ON COLUMN taskly.nodes.max_shell_runs IS 'shell runs that it executes at a time, of all databases';

CREATE VIEW taskly.leader WITH (security_barrier) AS
SELECT
	taskly.node_name() AS node,
	s.pid,
	h.term,
	s.led_since AS since,
	CASE WHEN h.database OPERATOR(pg_catalog.<>) d.oid THEN 'parked' ELSE s.state END AS state,
	CASE
		WHEN s.state OPERATOR(pg_catalog.=) 'not loaded'
		THEN 'The server has not loaded taskly; add it to shared_preload_libraries and restart the server.'
		WHEN h.database OPERATOR(pg_catalog.<>) d.oid
		THEN 'The tasks were copied from another database; run SELECT taskly.adopt() to let them run here.'
		WHEN pg_catalog.current_setting('taskly.enabled', true) OPERATOR(pg_catalog.=) 'off'
		THEN 'The setting taskly.enabled is off: nothing starts.'
		WHEN h.paused_at IS NOT NULL AND COALESCE(h.paused_until OPERATOR(pg_catalog.>) taskly.statement_time(), true)
		THEN pg_catalog.concat_ws(': ', 'All tasks are paused' OPERATOR(pg_catalog.||)
			COALESCE(' until ' OPERATOR(pg_catalog.||) h.paused_until::pg_catalog.text, ''), h.paused_reason)
		WHEN EXISTS (SELECT FROM taskly.task t WHERE t.home_id OPERATOR(pg_catalog.<>) h.home_id)
		THEN 'Some tasks were restored from another database; run SELECT taskly.adopt() to let them run here.'
		WHEN s.state OPERATOR(pg_catalog.=) 'none'
		THEN 'No scheduler has been started; see taskly.max_databases and the server log.'
		WHEN s.state OPERATOR(pg_catalog.=) 'starting'
		THEN 'The scheduler is starting.'
	END AS reason,
	s.waiting,
	s.scheduled,
	s.dispatched,
	s.wakeups,
	s.rescans,
	s.wakeup_latency
FROM taskly.scheduler_state() s
	JOIN pg_catalog.pg_database d ON d.datname OPERATOR(pg_catalog.=) pg_catalog.current_database()
	LEFT JOIN taskly.home h ON true;
COMMENT ON VIEW taskly.leader IS 'The scheduler that turns due schedules into runs of this database, and why it does not when it does not: one row.';
COMMENT ON COLUMN taskly.leader.node IS 'server that it runs on';
COMMENT ON COLUMN taskly.leader.pid IS 'its process; NULL: there is none';
COMMENT ON COLUMN taskly.leader.term IS 'how often a scheduler has become leader of this database';
COMMENT ON COLUMN taskly.leader.since IS 'since when it leads';
COMMENT ON COLUMN taskly.leader.state IS 'leading, following, starting, held (the database is being dropped or copied), not running, none, not loaded, or parked';
COMMENT ON COLUMN taskly.leader.reason IS 'why nothing is started, and what to do; NULL: all is well';
COMMENT ON COLUMN taskly.leader.waiting IS 'due runs that it holds in memory';
COMMENT ON COLUMN taskly.leader.scheduled IS 'tasks with a schedule that it has on its agenda';
COMMENT ON COLUMN taskly.leader.dispatched IS 'runs that it has handed to processes';
COMMENT ON COLUMN taskly.leader.wakeups IS 'how often it had something to do';
COMMENT ON COLUMN taskly.leader.rescans IS 'how often it read all waiting runs';
COMMENT ON COLUMN taskly.leader.wakeup_latency IS 'how late the machine lets it go on when it is to wake, as measured: its timer is set that much earlier, by 0.3 ms at most; NULL: not known yet';

CREATE VIEW taskly.queues WITH (security_barrier) AS
SELECT
	q.queue_id,
	q.name,
	q.owner,
	q.algorithm,
	q.weight,
	COALESCE(w.depth, 0) AS depth,
	COALESCE(w.scheduled, 0) AS scheduled,
	COALESCE(w.depending, 0) AS depending,
	COALESCE(w.running, 0) AS running,
	w.oldest_wait,
	CASE
		WHEN w.depth IS NULL OR w.depth OPERATOR(pg_catalog.=) 0 THEN NULL
		WHEN q.paused_at IS NOT NULL
		THEN pg_catalog.concat_ws(': ', 'The queue is paused', q.paused_reason)
		WHEN s.reason IS NOT NULL THEN s.reason
		WHEN w.running OPERATOR(pg_catalog.>=) q.max_running
		THEN pg_catalog.format('It has reached max_running: %s of %s.', w.running, q.max_running)
		WHEN w.startable OPERATOR(pg_catalog.=) 0
		THEN pg_catalog.format('No waiting run may start: %s.', (
			SELECT pg_catalog.string_agg(pg_catalog.format('%s %s', c.runs, c.of), ', ' ORDER BY c.place)
			FROM (VALUES
				(1, w.of_paused_task, 'of paused tasks'),
				(2, w.of_full_task, 'of tasks at their max_running'),
				(3, w.of_paused_key, 'with paused keys'),
				(4, w.of_blocked_key, 'with keys that a failure blocks'),
				(5, w.of_full_key, 'with keys at max_running_per_key'),
				(6, w.of_full_role, 'of roles at their quota of running runs')
			) c (place, runs, of)
			WHERE c.runs OPERATOR(pg_catalog.>) 0))
		WHEN s.running OPERATOR(pg_catalog.>=) s.max_workers
		THEN 'All workers are busy.'
		WHEN q.rate IS NOT NULL AND w.oldest_wait OPERATOR(pg_catalog.>) '1 second'::interval
		THEN pg_catalog.format('It may have reached its rate: %s in %s.', q.rate, q.rate_interval)
		WHEN q.rate_per_key IS NOT NULL AND w.has_keys AND w.oldest_wait OPERATOR(pg_catalog.>) '1 second'::interval
		THEN pg_catalog.format('Keys may have reached rate_per_key: %s in %s.', q.rate_per_key, q.rate_interval)
		WHEN w.oldest_wait OPERATOR(pg_catalog.>) '1 second'::interval
		THEN 'No worker has been free for it: those of other queues, roles or databases may have them all.'
	END AS reason,
	q.max_running,
	q.max_running_per_key,
	q.rate,
	q.rate_per_key,
	q.rate_interval,
	COALESCE(q.burst, 0) AS burst,
	q.max_pending,
	q.aging,
	q.block_key_on_failure,
	q.keep,
	q.batch,
	l.lateness[1] AS lateness_p50,
	l.lateness[2] AS lateness_p95,
	l.lateness[3] AS lateness_p99,
	COALESCE(l.deadline_misses, 0) AS deadline_misses,
	q.paused_at,
	q.paused_reason,
	q.created_at
FROM taskly.queue q
	CROSS JOIN (
		SELECT
			o.reason,
			pg_catalog.current_setting('taskly.max_workers', true)::integer AS max_workers,
			(SELECT pg_catalog.count(*) FROM taskly.running_runs()) AS running
		FROM taskly.leader o
	) s
	LEFT JOIN (
		SELECT
			p.queue_id,
			pg_catalog.count(*) FILTER (WHERE NOT s.is_running AND s.is_due) AS depth,
			pg_catalog.count(*) FILTER (WHERE NOT s.is_running AND s.is_due AND s.held_by IS NULL) AS startable,
			pg_catalog.count(*) FILTER (WHERE NOT s.is_running AND s.is_due AND s.held_by OPERATOR(pg_catalog.=) 1) AS of_paused_task,
			pg_catalog.count(*) FILTER (WHERE NOT s.is_running AND s.is_due AND s.held_by OPERATOR(pg_catalog.=) 2) AS of_full_task,
			pg_catalog.count(*) FILTER (WHERE NOT s.is_running AND s.is_due AND s.held_by OPERATOR(pg_catalog.=) 3) AS of_paused_key,
			pg_catalog.count(*) FILTER (WHERE NOT s.is_running AND s.is_due AND s.held_by OPERATOR(pg_catalog.=) 4) AS of_blocked_key,
			pg_catalog.count(*) FILTER (WHERE NOT s.is_running AND s.is_due AND s.held_by OPERATOR(pg_catalog.=) 5) AS of_full_key,
			pg_catalog.count(*) FILTER (WHERE NOT s.is_running AND s.is_due AND s.held_by OPERATOR(pg_catalog.=) 6) AS of_full_role,
			pg_catalog.bool_or(p.key IS NOT NULL) AS has_keys,
			pg_catalog.count(*) FILTER (WHERE NOT s.is_running AND NOT s.is_due AND s.has_time) AS scheduled,
			pg_catalog.count(*) FILTER (WHERE NOT s.has_time) AS depending,
			pg_catalog.count(*) FILTER (WHERE s.is_running) AS running,
			pg_catalog.max(GREATEST(taskly.statement_time() OPERATOR(pg_catalog.-) p.due_at, '0'::interval))
				FILTER (WHERE NOT s.is_running AND s.is_due) AS oldest_wait
		FROM taskly.pending_run p
			JOIN taskly.queue o ON o.queue_id OPERATOR(pg_catalog.=) p.queue_id
			LEFT JOIN taskly.running_runs() a ON a.run_id OPERATOR(pg_catalog.=) p.run_id
				AND (p.started_at IS NOT NULL OR a.attempt OPERATOR(pg_catalog.>) p.attempt)
			LEFT JOIN taskly.task t ON t.task_id OPERATOR(pg_catalog.=) p.task_id
			LEFT JOIN (
				SELECT c.task_id, pg_catalog.count(*) AS running
				FROM taskly.running_runs() c
				GROUP BY c.task_id
			) n ON n.task_id OPERATOR(pg_catalog.=) p.task_id
			LEFT JOIN (
				SELECT c.queue_id, c.key, pg_catalog.count(*) AS running
				FROM taskly.running_runs() r
					JOIN taskly.pending_run c ON c.run_id OPERATOR(pg_catalog.=) r.run_id
				GROUP BY c.queue_id, c.key
			) k ON k.queue_id OPERATOR(pg_catalog.=) p.queue_id AND k.key OPERATOR(pg_catalog.=) p.key
			LEFT JOIN taskly.queue_key y ON y.queue_id OPERATOR(pg_catalog.=) p.queue_id AND y.key OPERATOR(pg_catalog.=) p.key
			LEFT JOIN (
				SELECT c.queue_id, c.key, pg_catalog.min(c.run_id) AS run_id
				FROM taskly.key_block c
				GROUP BY c.queue_id, c.key
			) b ON b.queue_id OPERATOR(pg_catalog.=) p.queue_id AND b.key OPERATOR(pg_catalog.=) p.key
			LEFT JOIN (
				/* As in taskly.quotas: its own, else the general one, which does not bind superusers. */
				SELECT c.owner, true AS is_full
				FROM taskly.running_runs() c
					JOIN pg_catalog.pg_roles r ON r.oid OPERATOR(pg_catalog.=) c.owner
				GROUP BY c.owner, r.rolsuper
				HAVING pg_catalog.count(*) OPERATOR(pg_catalog.>=) (
					SELECT x.max_running
					FROM taskly.quota x
					WHERE x.role OPERATOR(pg_catalog.=) c.owner OR x.role IS NULL AND NOT r.rolsuper
					ORDER BY x.role NULLS LAST
					LIMIT 1)
			) u ON u.owner OPERATOR(pg_catalog.=) p.owner
			CROSS JOIN LATERAL (
				SELECT
					a.run_id IS NOT NULL OR p.started_at IS NOT NULL AS is_running,
					p.due_at OPERATOR(pg_catalog.<=) GREATEST(taskly.statement_time(), p.queued_at) AS is_due,
					pg_catalog.isfinite(p.due_at) AS has_time,
					CASE
						WHEN t.paused_at IS NOT NULL THEN 1
						WHEN n.running OPERATOR(pg_catalog.>=) t.max_running THEN 2
						WHEN y.paused_at IS NOT NULL THEN 3
						WHEN o.block_key_on_failure AND b.run_id OPERATOR(pg_catalog.<>) p.run_id THEN 4
						WHEN k.running OPERATOR(pg_catalog.>=) o.max_running_per_key THEN 5
						WHEN u.is_full THEN 6
					END AS held_by
			) s
		WHERE ((SELECT taskly.reads_all()) OR pg_catalog.pg_has_role(p.owner, 'USAGE'))
		GROUP BY p.queue_id
	) w ON w.queue_id OPERATOR(pg_catalog.=) q.queue_id
	LEFT JOIN (
		SELECT
			f.queue_id,
			pg_catalog.percentile_cont('{0.50,0.95,0.99}'::double precision[])
				WITHIN GROUP (ORDER BY f.started_at OPERATOR(pg_catalog.-) f.due_at) AS lateness,
			pg_catalog.count(*) FILTER (WHERE f.is_final AND f.finished_at OPERATOR(pg_catalog.>) f.deadline_at) AS deadline_misses
		FROM (
			SELECT r.*
			FROM taskly.task t
				CROSS JOIN LATERAL (
					SELECT c.queue_id, c.owner, c.started_at, c.due_at, c.is_final, c.finished_at, c.deadline_at
					FROM taskly.finished_run c
					WHERE c.task_id OPERATOR(pg_catalog.=) t.task_id
						AND c.finished_at OPERATOR(pg_catalog.>) (taskly.statement_time() OPERATOR(pg_catalog.-) '1 hour'::interval)
					ORDER BY c.finished_at DESC
					LIMIT 100
				) r
			WHERE t.last_finished_at OPERATOR(pg_catalog.>) (taskly.statement_time() OPERATOR(pg_catalog.-) '1 hour'::interval)
			UNION ALL
			(
				SELECT c.queue_id, c.owner, c.started_at, c.due_at, c.is_final, c.finished_at, c.deadline_at
				FROM taskly.finished_run c
				WHERE c.task_id IS NULL
					AND c.finished_at OPERATOR(pg_catalog.>) (taskly.statement_time() OPERATOR(pg_catalog.-) '1 hour'::interval)
				ORDER BY c.finished_at DESC
				LIMIT 1000
			)
		) f
		WHERE ((SELECT taskly.reads_all()) OR pg_catalog.pg_has_role(f.owner, 'USAGE'))
		GROUP BY f.queue_id
	) l ON l.queue_id OPERATOR(pg_catalog.=) q.queue_id;
COMMENT ON VIEW taskly.queues IS 'All queues; what is counted are the runs that the reader may see. Lateness and deadline_misses are of the last hour: of each task the latest 100 attempts, and the latest 1000 of runs without one.';
COMMENT ON COLUMN taskly.queues.queue_id IS 'number of the queue';
COMMENT ON COLUMN taskly.queues.name IS 'name of the queue';
COMMENT ON COLUMN taskly.queues.owner IS 'role that may alter it';
COMMENT ON COLUMN taskly.queues.algorithm IS 'order of its runs: fifo, priority, fair, rate_monotonic or edf';
COMMENT ON COLUMN taskly.queues.weight IS 'share of the workers beside other queues';
COMMENT ON COLUMN taskly.queues.depth IS 'runs that are due and wait';
COMMENT ON COLUMN taskly.queues.scheduled IS 'runs that are due in the future';
COMMENT ON COLUMN taskly.queues.depending IS 'runs that wait for other runs';
COMMENT ON COLUMN taskly.queues.running IS 'runs in execution';
COMMENT ON COLUMN taskly.queues.oldest_wait IS 'how long the oldest of those that are due waits';
COMMENT ON COLUMN taskly.queues.reason IS 'why those that are due do not start, as far as the reader can see; NULL: none is due, or no reason is seen';
COMMENT ON COLUMN taskly.queues.max_running IS 'most runs in execution at a time; NULL: no limit';
COMMENT ON COLUMN taskly.queues.max_running_per_key IS 'the same for the runs of one key';
COMMENT ON COLUMN taskly.queues.rate IS 'most starts in each rate_interval, but for burst; NULL: no limit';
COMMENT ON COLUMN taskly.queues.rate_per_key IS 'the same for the runs of one key';
COMMENT ON COLUMN taskly.queues.rate_interval IS 'time that rate and rate_per_key are about';
COMMENT ON COLUMN taskly.queues.burst IS 'as many more may start in any such time';
COMMENT ON COLUMN taskly.queues.max_pending IS 'most runs that have not finished; NULL: no limit';
COMMENT ON COLUMN taskly.queues.aging IS 'waiting time that counts as much as a step of priority, with algorithm priority';
COMMENT ON COLUMN taskly.queues.block_key_on_failure IS 'whether a run that fails holds back later ones of its key';
COMMENT ON COLUMN taskly.queues.keep IS 'what history keeps of its runs: all, failures or none';
COMMENT ON COLUMN taskly.queues.batch IS 'short runs that may share a transaction';
COMMENT ON COLUMN taskly.queues.lateness_p50 IS 'half of the attempts of the last hour started at most so late';
COMMENT ON COLUMN taskly.queues.lateness_p95 IS 'the same for 95 of 100';
COMMENT ON COLUMN taskly.queues.lateness_p99 IS 'the same for 99 of 100';
COMMENT ON COLUMN taskly.queues.deadline_misses IS 'runs of the last hour that were not over at their deadline';
COMMENT ON COLUMN taskly.queues.paused_at IS 'since when it is paused; NULL: it is not';
COMMENT ON COLUMN taskly.queues.paused_reason IS 'why';
COMMENT ON COLUMN taskly.queues.created_at IS 'when it was made';

CREATE VIEW taskly.keys WITH (security_barrier) AS
SELECT
	q.name AS queue,
	COALESCE(w.key, k.key) AS key,
	COALESCE(k.weight, 1) AS weight,
	COALESCE(w.depth, 0) AS depth,
	COALESCE(w.scheduled, 0) AS scheduled,
	COALESCE(w.depending, 0) AS depending,
	COALESCE(w.running, 0) AS running,
	w.oldest_wait,
	k.paused_at,
	k.paused_reason,
	CASE WHEN q.block_key_on_failure THEN k.blocked_by END AS blocked_by,
	CASE WHEN q.block_key_on_failure THEN k.blocked_at END AS blocked_at
FROM (
		SELECT
			p.queue_id,
			p.key,
			pg_catalog.count(*) FILTER (WHERE NOT s.is_running AND s.is_due) AS depth,
			pg_catalog.count(*) FILTER (WHERE NOT s.is_running AND NOT s.is_due AND s.has_time) AS scheduled,
			pg_catalog.count(*) FILTER (WHERE NOT s.has_time) AS depending,
			pg_catalog.count(*) FILTER (WHERE s.is_running) AS running,
			pg_catalog.max(GREATEST(taskly.statement_time() OPERATOR(pg_catalog.-) p.due_at, '0'::interval))
				FILTER (WHERE NOT s.is_running AND s.is_due) AS oldest_wait
		FROM taskly.pending_run p
			LEFT JOIN taskly.running_runs() a ON a.run_id OPERATOR(pg_catalog.=) p.run_id
				AND (p.started_at IS NOT NULL OR a.attempt OPERATOR(pg_catalog.>) p.attempt)
			CROSS JOIN LATERAL (
				SELECT
					a.run_id IS NOT NULL OR p.started_at IS NOT NULL AS is_running,
					p.due_at OPERATOR(pg_catalog.<=) GREATEST(taskly.statement_time(), p.queued_at) AS is_due,
					pg_catalog.isfinite(p.due_at) AS has_time
			) s
		WHERE p.key IS NOT NULL
			AND ((SELECT taskly.reads_all()) OR pg_catalog.pg_has_role(p.owner, 'USAGE'))
		GROUP BY p.queue_id, p.key
	) w
	FULL JOIN (
		SELECT
			COALESCE(y.queue_id, b.queue_id) AS queue_id,
			COALESCE(y.key, b.key) AS key,
			y.weight,
			y.paused_at,
			y.paused_reason,
			b.blocked_by,
			b.blocked_at
		FROM taskly.queue_key y
			FULL JOIN (
				SELECT
					c.queue_id,
					c.key,
					pg_catalog.min(c.run_id) AS blocked_by,
					pg_catalog.min(c.blocked_at) AS blocked_at
				FROM taskly.key_block c
				GROUP BY c.queue_id, c.key
			) b ON b.queue_id OPERATOR(pg_catalog.=) y.queue_id AND b.key OPERATOR(pg_catalog.=) y.key
	) k ON k.queue_id OPERATOR(pg_catalog.=) w.queue_id AND k.key OPERATOR(pg_catalog.=) w.key
	JOIN taskly.queue q ON q.queue_id OPERATOR(pg_catalog.=) COALESCE(w.queue_id, k.queue_id)
WHERE w.key IS NOT NULL OR (SELECT taskly.reads_all()) OR pg_catalog.pg_has_role(q.owner, 'USAGE');
COMMENT ON VIEW taskly.keys IS 'Keys of queues: those of runs that the reader may see and that have not finished, and those that have a weight, are paused or blocked, in queues of the reader''s.';
COMMENT ON COLUMN taskly.keys.queue IS 'queue that it is a key of';
COMMENT ON COLUMN taskly.keys.key IS 'the key';
COMMENT ON COLUMN taskly.keys.weight IS 'its share of worker time beside other keys, with algorithm fair';
COMMENT ON COLUMN taskly.keys.depth IS 'runs that are due and wait';
COMMENT ON COLUMN taskly.keys.scheduled IS 'runs that are due in the future';
COMMENT ON COLUMN taskly.keys.depending IS 'runs that wait for other runs';
COMMENT ON COLUMN taskly.keys.running IS 'runs in execution';
COMMENT ON COLUMN taskly.keys.oldest_wait IS 'how long the oldest of those that are due waits';
COMMENT ON COLUMN taskly.keys.paused_at IS 'since when it is paused; NULL: it is not';
COMMENT ON COLUMN taskly.keys.paused_reason IS 'why';
COMMENT ON COLUMN taskly.keys.blocked_by IS 'run that ended badly and holds back later ones; of several the first made; NULL: none';
COMMENT ON COLUMN taskly.keys.blocked_at IS 'when the first of them ended';

CREATE VIEW taskly.stats WITH (security_barrier) AS
SELECT
	CASE
		WHEN g.is_all OPERATOR(pg_catalog.=) 1 THEN 'all'
		WHEN g.task_id IS NULL THEN 'submitted'
		ELSE 'task'
	END AS scope,
	g.task_id,
	CASE WHEN g.task_id IS NULL OR t.task_id IS NOT NULL THEN t.name ELSE '(dropped)' END AS task,
	t.owner,
	g.runs,
	g.failures,
	g.attempts,
	g.duration_mean,
	g.duration[1] AS duration_p50,
	g.duration[2] AS duration_p95,
	g.duration[3] AS duration_p99,
	g.lateness_mean,
	g.lateness[1] AS lateness_p50,
	g.lateness[2] AS lateness_p95,
	g.lateness[3] AS lateness_p99,
	g.deadline_misses,
	g.since
FROM (
	SELECT
		f.task_id,
		GROUPING(f.task_id) AS is_all,
		pg_catalog.count(*) FILTER (WHERE f.is_final) AS runs,
		pg_catalog.count(*) FILTER (WHERE f.is_final AND f.status OPERATOR(pg_catalog.=) ANY ('{failed,timed_out,expired,lost,denied,quarantined}'::text[])) AS failures,
		pg_catalog.count(f.started_at) AS attempts,
		pg_catalog.avg(s.duration) AS duration_mean,
		pg_catalog.percentile_cont('{0.50,0.95,0.99}'::double precision[])
			WITHIN GROUP (ORDER BY s.duration) AS duration,
		pg_catalog.avg(s.lateness) AS lateness_mean,
		pg_catalog.percentile_cont('{0.50,0.95,0.99}'::double precision[])
			WITHIN GROUP (ORDER BY s.lateness) AS lateness,
		pg_catalog.count(*) FILTER (WHERE f.is_final AND (f.status OPERATOR(pg_catalog.=) 'expired' OR f.finished_at OPERATOR(pg_catalog.>) f.deadline_at)) AS deadline_misses,
		pg_catalog.min(f.finished_at) AS since
	FROM taskly.finished_run f
		CROSS JOIN LATERAL (
			SELECT
				f.finished_at OPERATOR(pg_catalog.-) f.started_at AS duration,
				f.started_at OPERATOR(pg_catalog.-) f.due_at AS lateness
		) s
	WHERE ((SELECT taskly.reads_all()) OR pg_catalog.pg_has_role(f.owner, 'USAGE'))
	GROUP BY GROUPING SETS ((f.task_id), ())
) g
	LEFT JOIN taskly.task t ON t.task_id OPERATOR(pg_catalog.=) g.task_id;
COMMENT ON VIEW taskly.stats IS 'What history tells of the runs that the reader may see: a row for each task, one for all submitted runs and one for all runs.';
COMMENT ON COLUMN taskly.stats.scope IS 'task, submitted (runs without a task) or all';
COMMENT ON COLUMN taskly.stats.task_id IS 'task; NULL for the other scopes';
COMMENT ON COLUMN taskly.stats.task IS 'name of the task; "(dropped)" when it was dropped; NULL for the other scopes';
COMMENT ON COLUMN taskly.stats.owner IS 'owner of the task; NULL when it was dropped';
COMMENT ON COLUMN taskly.stats.runs IS 'runs that are over';
COMMENT ON COLUMN taskly.stats.failures IS 'runs that ended badly';
COMMENT ON COLUMN taskly.stats.attempts IS 'attempts that started';
COMMENT ON COLUMN taskly.stats.duration_mean IS 'mean length of an attempt';
COMMENT ON COLUMN taskly.stats.duration_p50 IS 'half of the attempts took at most so long';
COMMENT ON COLUMN taskly.stats.duration_p95 IS 'the same for 95 of 100';
COMMENT ON COLUMN taskly.stats.duration_p99 IS 'the same for 99 of 100';
COMMENT ON COLUMN taskly.stats.lateness_mean IS 'mean time from due to started';
COMMENT ON COLUMN taskly.stats.lateness_p50 IS 'half of the attempts started at most so late';
COMMENT ON COLUMN taskly.stats.lateness_p95 IS 'the same for 95 of 100';
COMMENT ON COLUMN taskly.stats.lateness_p99 IS 'the same for 99 of 100';
COMMENT ON COLUMN taskly.stats.deadline_misses IS 'runs that were not over at their deadline';
COMMENT ON COLUMN taskly.stats.since IS 'end of the oldest attempt that is counted';

CREATE FUNCTION taskly._run_graph(run_id bigint)
RETURNS TABLE (run_id bigint, depth integer, place integer)
LANGUAGE C STABLE PARALLEL UNSAFE ROWS 10
AS 'MODULE_PATHNAME', 'taskly_run_graph_v1';
COMMENT ON FUNCTION taskly._run_graph(bigint) IS 'The runs that run_graph() shows, with their place in its order.';

CREATE FUNCTION taskly.run_graph(run_id bigint)
RETURNS TABLE (tree text, run_id bigint, task text, status text, depth integer, depends_on bigint[], scheduled_for timestamptz, started_at timestamptz, finished_at timestamptz, message text)
LANGUAGE sql STABLE PARALLEL UNSAFE ROWS 10
AS $$
	SELECT
		pg_catalog.repeat('   ', g.depth) OPERATOR(pg_catalog.||) COALESCE(r.task, 'run') OPERATOR(pg_catalog.||) ' ' OPERATOR(pg_catalog.||) g.run_id::pg_catalog.text,
		g.run_id,
		r.task,
		r.status,
		g.depth,
		r.depends_on,
		r.scheduled_for,
		r.started_at,
		r.finished_at,
		r.message
	/* OFFSET 0 keeps each look at the view one for a run_id. */
	FROM taskly._run_graph($1) g
		CROSS JOIN LATERAL (SELECT v.* FROM taskly.runs v
			WHERE v.run_id OPERATOR(pg_catalog.=) g.run_id OFFSET 0) r
	ORDER BY g.place
$$;
COMMENT ON FUNCTION taskly.run_graph(bigint) IS 'All runs that a run depends on or that depend on it, directly or through others, each once, as an indented tree: below the run that it depends on, and the deepest of them if there are several (depends_on names all). depth: the longest way to it from a run that depends on nothing, 0 for such a run. Shows what the reader may see in taskly.runs, at most the 10000 runs nearest to the given one. Errors: 42704 no such run, or not the reader''s; 22004 run_id is null.';

CREATE VIEW taskly._reasons WITH (security_barrier) AS
SELECT
	p.run_id,
	p.owner,
	COALESCE(p.kind, t.kind) OPERATOR(pg_catalog.=) 'shell' AS is_shell,
	GREATEST(p.due_at, p.queued_at) AS due_since,
	CASE
		WHEN a.run_id IS NOT NULL OR p.started_at IS NOT NULL
		THEN pg_catalog.format(CASE WHEN a.stuck THEN 'It has been running since %s, and did not stop when it was told to.' ELSE 'It has been running since %s.' END,
			COALESCE(a.started_at, p.started_at, a.picked_at))
		WHEN p.home_id OPERATOR(pg_catalog.<>) h.home_id OR h.database OPERATOR(pg_catalog.<>) d.oid
		THEN 'It came from another database, and is parked; SELECT taskly.adopt() lets it run here.'
		WHEN p.due_at OPERATOR(pg_catalog.=) 'infinity'
		THEN COALESCE((
			SELECT pg_catalog.format('It waits for %s %s%s to %s.',
				CASE WHEN pg_catalog.count(*) OPERATOR(pg_catalog.=) 1 THEN 'run' ELSE 'runs' END,
				pg_catalog.string_agg(w.parent_id::text, ', ' ORDER BY w.n) FILTER (WHERE w.n OPERATOR(pg_catalog.<=) 10),
				CASE WHEN pg_catalog.count(*) OPERATOR(pg_catalog.>) 10 THEN pg_catalog.format(' and %s more', pg_catalog.count(*) OPERATOR(pg_catalog.-) 10) END,
				CASE pg_catalog.min(w.needs) WHEN 'succeeded' THEN 'succeed' ELSE 'end' END)
			FROM (
				SELECT c.parent_id, c.needs, pg_catalog.row_number() OVER (ORDER BY c.parent_id) AS n
				FROM taskly.run_dependency c
				WHERE c.run_id OPERATOR(pg_catalog.=) p.run_id AND c.parent_status IS NULL
			) w
			HAVING pg_catalog.count(*) OPERATOR(pg_catalog.>) 0), 'The runs that it waited for have ended: it is about to be due.')
		WHEN p.due_at OPERATOR(pg_catalog.>) GREATEST(taskly.statement_time(), p.queued_at)
		THEN CASE
			WHEN p.attempt OPERATOR(pg_catalog.>) 0
			THEN pg_catalog.concat_ws(': ', pg_catalog.format('It is tried again at %s, after attempt %s of %s', p.due_at, p.attempt, COALESCE(p.max_attempts, t.max_attempts)), p.last_message)
			WHEN p.snoozes OPERATOR(pg_catalog.>) 0
			THEN pg_catalog.format('It has called taskly.snooze(), and is due again at %s.', p.due_at)
			ELSE pg_catalog.format('It is not due before %s.', p.due_at)
		END
		WHEN o.reason IS NOT NULL THEN o.reason
		WHEN t.paused_at IS NOT NULL
		THEN pg_catalog.concat_ws(': ', pg_catalog.format('Its task "%s" is paused', t.name), t.paused_reason)
		WHEN q.paused_at IS NOT NULL
		THEN pg_catalog.concat_ws(': ', pg_catalog.format('Its queue "%s" is paused', q.name), q.paused_reason)
		WHEN y.paused_at IS NOT NULL
		THEN pg_catalog.concat_ws(': ', pg_catalog.format('Its key "%s" is paused', p.key), y.paused_reason)
		WHEN k.is_held AND b.run_id IS NOT NULL
		THEN pg_catalog.format('Run %s has ended badly and blocks its key "%s", until that run has succeeded after retry(), or until resume_key().', b.run_id, p.key)
		WHEN k.is_held AND f.run_id IS NOT NULL
		THEN pg_catalog.format('Run %s of its key "%s" goes first: it is due again at %s.', f.run_id, p.key, f.due_at)
		WHEN n.of_queue OPERATOR(pg_catalog.>=) q.max_running
		THEN pg_catalog.format('Its queue "%s" has reached max_running: %s of %s.', q.name, n.of_queue, q.max_running)
		WHEN n.of_key OPERATOR(pg_catalog.>=) q.max_running_per_key
		THEN pg_catalog.format('Its key "%s" has reached max_running_per_key of its queue "%s": %s of %s, among them run %s.', p.key, q.name, n.of_key, q.max_running_per_key, n.key_run_id)
		WHEN n.of_task OPERATOR(pg_catalog.>=) t.max_running
		THEN pg_catalog.format('Its task "%s" has reached max_running: %s of %s.', t.name, n.of_task, t.max_running)
		WHEN n.of_role OPERATOR(pg_catalog.>=) u.max_running
		THEN pg_catalog.format('Its owner "%s" has reached the quota of running runs: %s of %s.', r.rolname, n.of_role, u.max_running)
		WHEN p.source OPERATOR(pg_catalog.=) ANY ('{schedule,backfill}'::text[]) AND t.overlap OPERATOR(pg_catalog.<>) 'allow' AND n.occurrence IS NOT NULL
		THEN pg_catalog.format('Another occurrence of its task, run %s, goes first: its overlap is "%s".', n.occurrence, t.overlap)
	END AS reason,
	CASE
		WHEN q.rate IS NOT NULL
		THEN pg_catalog.format('Its queue "%s" may have reached its rate: %s in %s.', q.name, q.rate, q.rate_interval)
		WHEN q.rate_per_key IS NOT NULL AND p.key IS NOT NULL
		THEN pg_catalog.format('Its key "%s" may have reached rate_per_key of its queue "%s": %s in %s.', p.key, q.name, q.rate_per_key, q.rate_interval)
	END AS rate
FROM taskly.pending_run p
	JOIN pg_catalog.pg_database d ON d.datname OPERATOR(pg_catalog.=) pg_catalog.current_database()
	LEFT JOIN taskly.home h ON true
	LEFT JOIN taskly.task t ON t.task_id OPERATOR(pg_catalog.=) p.task_id
	LEFT JOIN taskly.queue q ON q.queue_id OPERATOR(pg_catalog.=) p.queue_id
	LEFT JOIN taskly.queue_key y ON y.queue_id OPERATOR(pg_catalog.=) p.queue_id AND y.key OPERATOR(pg_catalog.=) p.key
	LEFT JOIN pg_catalog.pg_roles r ON r.oid OPERATOR(pg_catalog.=) p.owner
	LEFT JOIN taskly.running_runs() a ON a.run_id OPERATOR(pg_catalog.=) p.run_id
		AND (p.started_at IS NOT NULL OR a.attempt OPERATOR(pg_catalog.>) p.attempt)
	/* That others are parked is no reason. */
	CROSS JOIN LATERAL (
		SELECT CASE
			WHEN l.reason IS NOT NULL AND NOT pg_catalog.starts_with(l.reason, 'Some tasks were restored') THEN l.reason
			WHEN l.state OPERATOR(pg_catalog.<>) 'leading' THEN pg_catalog.format('The scheduler of this database is not at work: its state is "%s".', l.state)
		END AS reason
		FROM taskly.leader l
	) o
	LEFT JOIN LATERAL (
		SELECT c.run_id
		FROM taskly.key_block c
		WHERE c.queue_id OPERATOR(pg_catalog.=) p.queue_id AND c.key OPERATOR(pg_catalog.=) p.key
		ORDER BY c.run_id
		LIMIT 1
	) b ON true
	/* A run that holds up its key is not held up by another. */
	CROSS JOIN LATERAL (
		SELECT q.block_key_on_failure AND p.key IS NOT NULL AND p.attempt OPERATOR(pg_catalog.=) 0 AND p.snoozes IS NULL
			AND (b.run_id OPERATOR(pg_catalog.=) p.run_id) IS NOT TRUE AS is_held
	) k
	LEFT JOIN LATERAL (
		SELECT c.run_id, c.due_at
		FROM taskly.pending_run c
		WHERE k.is_held AND c.queue_id OPERATOR(pg_catalog.=) p.queue_id AND c.key OPERATOR(pg_catalog.=) p.key
			AND c.due_at OPERATOR(pg_catalog.>) taskly.statement_time() AND pg_catalog.isfinite(c.due_at)
			AND (c.attempt OPERATOR(pg_catalog.>) 0 OR c.snoozes IS NOT NULL)
		ORDER BY c.due_at
		LIMIT 1
	) f ON true
	CROSS JOIN LATERAL (
		SELECT
			pg_catalog.count(*) FILTER (WHERE c.queue_id OPERATOR(pg_catalog.=) p.queue_id) AS of_queue,
			pg_catalog.count(*) FILTER (WHERE c.queue_id OPERATOR(pg_catalog.=) p.queue_id AND c.key OPERATOR(pg_catalog.=) p.key) AS of_key,
			pg_catalog.min(c.run_id) FILTER (WHERE c.queue_id OPERATOR(pg_catalog.=) p.queue_id AND c.key OPERATOR(pg_catalog.=) p.key) AS key_run_id,
			pg_catalog.count(*) FILTER (WHERE c.task_id OPERATOR(pg_catalog.=) p.task_id) AS of_task,
			pg_catalog.count(*) FILTER (WHERE c.owner OPERATOR(pg_catalog.=) p.owner) AS of_role,
			pg_catalog.min(c.run_id) FILTER (WHERE c.task_id OPERATOR(pg_catalog.=) p.task_id AND c.source OPERATOR(pg_catalog.=) ANY ('{schedule,backfill}'::text[])) AS occurrence
		FROM taskly.pending_run c
			JOIN taskly.running_runs() g ON g.run_id OPERATOR(pg_catalog.=) c.run_id
				AND (c.started_at IS NOT NULL OR g.attempt OPERATOR(pg_catalog.>) c.attempt)
	) n
	LEFT JOIN LATERAL (
		SELECT c.max_running
		FROM taskly.quota c
		WHERE c.role OPERATOR(pg_catalog.=) p.owner OR c.role IS NULL AND r.rolsuper IS NOT TRUE
		ORDER BY c.role NULLS LAST
		LIMIT 1
	) u ON true
UNION ALL
SELECT
	f.run_id,
	f.owner,
	NULL,
	NULL,
	pg_catalog.concat_ws(': ', pg_catalog.format('It is over since %s, and %s', f.finished_at,
		CASE f.status WHEN 'lost' THEN 'was lost' WHEN 'timed_out' THEN 'timed out'
			ELSE CASE WHEN f.status OPERATOR(pg_catalog.=) ANY ('{succeeded,failed,expired}'::text[]) THEN f.status
				ELSE 'was ' OPERATOR(pg_catalog.||) f.status END END), f.message),
	NULL
FROM taskly.finished_run f
WHERE f.is_final;
COMMENT ON VIEW taskly._reasons IS 'What taskly.why() says of runs, as far as tables and what is in execution tell; nobody else''s.';
COMMENT ON COLUMN taskly._reasons.run_id IS 'the run';
COMMENT ON COLUMN taskly._reasons.owner IS 'role that it runs as';
COMMENT ON COLUMN taskly._reasons.is_shell IS 'whether it is a shell command; NULL: it is over';
COMMENT ON COLUMN taskly._reasons.due_since IS 'when it was due; NULL: it is over';
COMMENT ON COLUMN taskly._reasons.reason IS 'why it does not run now; NULL: the tables have no reason';
COMMENT ON COLUMN taskly._reasons.rate IS 'the rate that it may wait for; NULL: none';

CREATE FUNCTION taskly.why(run_id bigint) RETURNS text
LANGUAGE C VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'taskly_why_v1';
COMMENT ON FUNCTION taskly.why(bigint) IS 'Why a run does not run now, in one sentence: what it waits for, which pause, block or limit holds it back, that it runs, or how it ended. Of several reasons the first that would have to go. Errors: 22004 run_id is null; 42704 no such run, or not the caller''s to see.';

GRANT SELECT ON taskly.tasks, taskly.runs, taskly.attempts, taskly.failures, taskly.queues, taskly.keys, taskly.quotas,
	taskly.calendars, taskly.workers, taskly.nodes, taskly.leader, taskly.stats TO PUBLIC;
-- END views

/* ------------------------------------------------------------------------
 * Triggers, home, dump, privileges
 * ------------------------------------------------------------------------ */

-- BEGIN home
CREATE FUNCTION taskly.pause_all(
	reason text DEFAULT NULL,
	until timestamptz DEFAULT NULL
)
RETURNS boolean
LANGUAGE C VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'taskly_pause_all_v1';
COMMENT ON FUNCTION taskly.pause_all(text, timestamptz) IS 'Pauses all of the database: no run starts until resume_all(), or until a time. Runs in execution end normally. Returns false when such a pause was in force already; then reason and end change. For superusers and the owner of the extension. Errors: 42501; 22023 until has passed.';

CREATE FUNCTION taskly.resume_all()
RETURNS boolean
LANGUAGE C VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'taskly_resume_all_v1';
COMMENT ON FUNCTION taskly.resume_all() IS 'Ends what pause_all() began; tasks and queues paused by name stay paused. Returns false when no pause was in force. For superusers and the owner of the extension. Errors: 42501.';

CREATE FUNCTION taskly.adopt()
RETURNS bigint
LANGUAGE C VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'taskly_adopt_v1';
COMMENT ON FUNCTION taskly.adopt() IS 'Makes the current database the home of all tasks and runs in its tables, so that they run here: for a database that was copied or restored, in which they are parked. Returns how many tasks and runs came along. For superusers and the owner of the extension. Errors: 42501.';

-- The row of this database. Works without the preload, with a warning.
DO $$
BEGIN
	PERFORM taskly.adopt();
END
$$;

-- A name is looked up among the tasks of all owners that the caller may manage.
CREATE INDEX task_name ON taskly.task (name);
CREATE INDEX task_after ON taskly.task (task_id) WHERE after IS NOT NULL;

CREATE FUNCTION taskly._rows_changed()
RETURNS trigger
LANGUAGE C VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'taskly_rows_changed_v1';
COMMENT ON FUNCTION taskly._rows_changed() IS 'Statement trigger: tells the scheduler that rows were written by somebody other than taskly, such as an administrator or a restore.';
REVOKE ALL ON FUNCTION taskly._rows_changed() FROM PUBLIC;

CREATE TRIGGER rows_changed
AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON taskly.task
FOR EACH STATEMENT EXECUTE FUNCTION taskly._rows_changed();
COMMENT ON TRIGGER rows_changed ON taskly.task IS 'Tells the scheduler of rows written around the API.';
CREATE TRIGGER rows_changed
AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON taskly.queue
FOR EACH STATEMENT EXECUTE FUNCTION taskly._rows_changed();
COMMENT ON TRIGGER rows_changed ON taskly.queue IS 'Tells the scheduler of rows written around the API.';
CREATE TRIGGER rows_changed
AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON taskly.queue_key
FOR EACH STATEMENT EXECUTE FUNCTION taskly._rows_changed();
COMMENT ON TRIGGER rows_changed ON taskly.queue_key IS 'Tells the scheduler of rows written around the API.';
CREATE TRIGGER rows_changed
AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON taskly.key_block
FOR EACH STATEMENT EXECUTE FUNCTION taskly._rows_changed();
COMMENT ON TRIGGER rows_changed ON taskly.key_block IS 'Tells the scheduler of rows written around the API.';
CREATE TRIGGER rows_changed
AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON taskly.quota
FOR EACH STATEMENT EXECUTE FUNCTION taskly._rows_changed();
COMMENT ON TRIGGER rows_changed ON taskly.quota IS 'Tells the scheduler of rows written around the API.';
CREATE TRIGGER rows_changed
AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON taskly.calendar
FOR EACH STATEMENT EXECUTE FUNCTION taskly._rows_changed();
COMMENT ON TRIGGER rows_changed ON taskly.calendar IS 'Tells the scheduler of rows written around the API.';
CREATE TRIGGER rows_changed
AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON taskly.pending_run
FOR EACH STATEMENT EXECUTE FUNCTION taskly._rows_changed();
COMMENT ON TRIGGER rows_changed ON taskly.pending_run IS 'Tells the scheduler of rows written around the API.';
CREATE TRIGGER rows_changed
AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON taskly.run_dependency
FOR EACH STATEMENT EXECUTE FUNCTION taskly._rows_changed();
COMMENT ON TRIGGER rows_changed ON taskly.run_dependency IS 'Tells the scheduler of rows written around the API.';

-- What a dump carries. The queue "default" is not made here, so that a dump restores into its place.
SELECT pg_catalog.pg_extension_config_dump('taskly.queue', '');
SELECT pg_catalog.pg_extension_config_dump('taskly.queue_queue_id_seq', '');
SELECT pg_catalog.pg_extension_config_dump('taskly.queue_key', '');
SELECT pg_catalog.pg_extension_config_dump('taskly.key_block', '');
SELECT pg_catalog.pg_extension_config_dump('taskly.quota', '');
SELECT pg_catalog.pg_extension_config_dump('taskly.calendar', '');
SELECT pg_catalog.pg_extension_config_dump('taskly.calendar_calendar_id_seq', '');
SELECT pg_catalog.pg_extension_config_dump('taskly.task', '');
SELECT pg_catalog.pg_extension_config_dump('taskly.task_task_id_seq', '');
SELECT pg_catalog.pg_extension_config_dump('taskly.pending_run', '');
SELECT pg_catalog.pg_extension_config_dump('taskly.run_run_id_seq', '');
SELECT pg_catalog.pg_extension_config_dump('taskly.run_dependency', '');

-- Tables are nobody's but the owner's, whatever default privileges are set. USAGE on the schema,
-- which nobody but the owner has at first, is the right to use taskly.
REVOKE ALL ON TABLE taskly._reasons, taskly.home, taskly.queue, taskly.queue_key, taskly.key_block, taskly.quota, taskly.calendar, taskly.task, taskly.pending_run, taskly.finished_run, taskly.run_dependency FROM PUBLIC;
REVOKE ALL ON SEQUENCE taskly.queue_queue_id_seq, taskly.calendar_calendar_id_seq, taskly.task_task_id_seq, taskly.run_run_id_seq FROM PUBLIC;
REVOKE ALL ON SCHEMA taskly FROM PUBLIC;
DO $$
BEGIN
	FOR n IN 0 .. 15 LOOP
		EXECUTE pg_catalog.format('REVOKE ALL ON TABLE taskly.finished_run_%s FROM PUBLIC', n);
	END LOOP;
END
$$;
-- END home
