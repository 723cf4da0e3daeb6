/*-------------------------------------------------------------------------
 *
 * shell_attempt.c
 *	  What the tables are told about one attempt at a shell run.
 *
 * A run shows in shared memory from before its start mark until after its
 * outcome, so a mark without such an entry is nobody's. Whoever finds it makes
 * the run lost, and somebody may begin it again: what is written later is
 * written only while the row still carries the mark that was set here.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "commands/dbcommands.h"
#include "miscadmin.h"
#include "utils/jsonb.h"
#include "utils/timestamp.h"

#include "exec/shell_attempt.h"
#include "exec/start_mark.h"
#include "server/activity.h"
#include "server/clock.h"
#include "server/guc.h"
#include "server/rights.h"
#include "server/shmem.h"
#include "server/txn.h"
#include "store/dependency_store.h"

static const Obstacle task_is_gone = {
	RUN_FAILED, "42704",
	"the task of this run does not exist any more", NULL
};
static const Obstacle shell_is_off = {
	RUN_DENIED, "55000",
	"shell commands are not enabled",
	"Set taskly.enable_shell to on and restart the server."
};
static const Obstacle owner_has_no_right = {
	RUN_DENIED, "42501",
	"the owner may not run shell commands in this database",
	"The owner needs LOGIN, CONNECT and the privileges of pg_execute_server_program."
};
static const Obstacle is_too_late = {
	RUN_EXPIRED, "57014",
	"deadline passed before the start", NULL
};

static OutcomeKind look(ShellAttempt *attempt, RunRow *row, const Obstacle **obstacle);
static const Obstacle *find_obstacle(const ShellAttempt *attempt,
									 const RunRow *row);
static void fill_spec(ShellAttempt *attempt, const RunRow *row);
static void show(ShellAttempt *attempt, const RunRow *row);
static OutcomeKind lock_our_row(ShellAttempt *attempt, RunRow *row);

static OutcomeKind
kind_of_claim(ClaimResult claim)
{
	switch (claim)
	{
		case CLAIM_OK:
			return OUTCOME_ENDED;
		case CLAIM_GONE:
			return OUTCOME_GONE;
		case CLAIM_CHANGED:
			return OUTCOME_LOOK_AGAIN;
		case CLAIM_LOCKED:
			break;
	}
	return OUTCOME_LOCKED;
}

/* ------------------------------------------------------------------------
 * Begin
 * ------------------------------------------------------------------------ */

OutcomeKind
shell_attempt_mark(ShellAttempt *attempt, MemoryContext context,
				   const Obstacle **obstacle)
{
	RunRow		row;
	OutcomeKind kind;

	txn_begin("taskly: start shell run");
	MemoryContextSwitchTo(context);
	kind = look(attempt, &row, obstacle);
	if (kind == OUTCOME_ENDED && *obstacle == NULL)
	{
		fill_spec(attempt, &row);
		show(attempt, &row);
		kind = kind_of_claim(start_mark_set(&row, attempt->end.started_at));
	}
	if (kind != OUTCOME_ENDED || *obstacle != NULL)
	{
		txn_abort();
		return kind;
	}
	attempt->assignment.ctid = row.ctid;
	txn_commit_without_wait();
	return kind;
}

/* May it begin? Locks and reads its row, and loads its definition. */
static OutcomeKind
look(ShellAttempt *attempt, RunRow *row, const Obstacle **obstacle)
{
	ClaimResult claim = run_store_lock(attempt->assignment.run_id,
									   &attempt->assignment.ctid, row);

	if (claim != CLAIM_OK)
		return kind_of_claim(claim);
	/* Postponed or replaced since it was handed to us: it may not be due any more. */
	if (!ItemPointerEquals(&attempt->assignment.ctid, &row->ctid))
		return OUTCOME_LOOK_AGAIN;
	/* Somebody else's attempt: its process or recovery will end it. */
	if (!run_is_null(row, RUN_COL_STARTED_AT))
		return OUTCOME_LOCKED;
	if (!definition_load(row, &attempt->definition))
		*obstacle = &task_is_gone;
	else if (attempt->definition.kind != RUN_KIND_SHELL)
		return OUTCOME_LOOK_AGAIN;
	else
		*obstacle = find_obstacle(attempt, row);
	return OUTCOME_ENDED;
}

static const Obstacle *
find_obstacle(const ShellAttempt *attempt, const RunRow *row)
{
	const RunDefinition *definition = &attempt->definition;

	if (!taskly_enable_shell)
		return &shell_is_off;
	/* A task may have been given to somebody else since the run was made. */
	if (run_oid(row, RUN_COL_OWNER) != definition->owner ||
		!rights_may_run_shell(definition->owner))
		return &owner_has_no_right;
	if (attempt->assignment.expires_us <= taskly_monotonic_us())
		return &is_too_late;
	return NULL;
}

/* ISO 8601 in UTC, as in 2026-03-29T01:30:00Z; with a fraction if there is one. */
static char *
iso_8601(TimestampTz instant)
{
	struct pg_tm tm;
	fsec_t		fsec;
	char	   *text;

	if (timestamp2tm(instant, NULL, &tm, &fsec, NULL, NULL) != 0)
		return NULL;
	text = psprintf("%04d-%02d-%02dT%02d:%02d:%02d", tm.tm_year, tm.tm_mon,
					tm.tm_mday, tm.tm_hour, tm.tm_min, tm.tm_sec);
	if (fsec != 0)
		text = psprintf("%s.%06d", text, (int) fsec);
	return psprintf("%sZ", text);
}

static void
fill_spec(ShellAttempt *attempt, const RunRow *row)
{
	ShellSpec  *spec = &attempt->spec;

	spec->run_id = attempt->assignment.run_id;
	spec->task = attempt->definition.task_name;
	spec->attempt = run_int32(row, RUN_COL_ATTEMPT) + 1;
	spec->scheduled_for = iso_8601(run_time(row, RUN_COL_SCHEDULED_FOR));
	if (!run_is_null(row, RUN_COL_ARGS))
	{
		Jsonb	   *args = DatumGetJsonbP(row->values[RUN_COL_ARGS - 1]);

		spec->args = JsonbToCString(NULL, &args->root, VARSIZE(args));
	}
	spec->parent_results = dependency_parent_results(spec->run_id);
	spec->command = attempt->definition.command;
	spec->database = get_database_name(MyDatabaseId);
	spec->owner = GetUserNameFromId(run_oid(row, RUN_COL_OWNER), false);
	spec->grace_ms = taskly_kill_grace_ms;
	spec->output_limit = taskly_output_limit;
}

/* The earlier of timeout and deadline, in monotonic time; 0: no limit. */
static int64
stop_by_us(const ShellAttempt *attempt)
{
	int64		stop_by = attempt->assignment.expires_us;

	if (attempt->definition.timeout_us != 0)
		stop_by = Min(stop_by, taskly_monotonic_us() + attempt->definition.timeout_us);
	return stop_by == TASKLY_NEVER_US ? 0 : stop_by;
}

static void
show(ShellAttempt *attempt, const RunRow *row)
{
	Activity	activity = {0};

	run_end_init(&attempt->end, RUN_FAILED);
	attempt->end.picked_at = attempt->assignment.picked_at;
	run_end_start(&attempt->end);
	attempt->end.pid = 0;
	attempt->stop_by_us = stop_by_us(attempt);

	activity.run_id = attempt->assignment.run_id;
	activity.task_id = attempt->definition.task_id;
	activity.database = MyDatabaseId;
	activity.owner = run_oid(row, RUN_COL_OWNER);
	activity.attempt = attempt->spec.attempt;
	activity.picked_at = attempt->assignment.picked_at;
	activity.started_at = attempt->end.started_at;
	activity.stop_by_us = attempt->stop_by_us;
	activity_begin(attempt->assignment.activity, &activity);
}

/* ------------------------------------------------------------------------
 * End
 * ------------------------------------------------------------------------ */

/* Does the row still carry the mark that we have set? */
static bool
is_ours(const ShellAttempt *attempt, const RunRow *row)
{
	return !run_is_null(row, RUN_COL_STARTED_AT) &&
		run_time(row, RUN_COL_STARTED_AT) == attempt->end.started_at &&
		run_int64(row, RUN_COL_INCARNATION) == shmem_incarnation() &&
		run_int32(row, RUN_COL_ATTEMPT) == attempt->spec.attempt;
}

/* OUTCOME_ENDED: locked, and ours. OUTCOME_LOCKED: we cannot know now. */
static OutcomeKind
lock_our_row(ShellAttempt *attempt, RunRow *row)
{
	ClaimResult claim;

	if (!catalog_has_extension())
		return OUTCOME_GONE;
	claim = run_store_lock(attempt->assignment.run_id, &attempt->assignment.ctid, row);
	if (claim == CLAIM_OK)
		return is_ours(attempt, row) ? OUTCOME_ENDED : OUTCOME_LOOK_AGAIN;
	return claim == CLAIM_GONE ? OUTCOME_GONE : OUTCOME_LOCKED;
}

OutcomeKind
shell_attempt_record(ShellAttempt *attempt, Outcome *outcome)
{
	RunRow		row;
	OutcomeKind kind;

	txn_begin("taskly: record shell run");
	kind = lock_our_row(attempt, &row);
	if (kind == OUTCOME_ENDED && attempt->end.status == RUN_CANCELLED &&
		activity_is_cancelled(attempt->assignment.activity))
		outcome_name_canceller(&attempt->end, attempt->assignment.activity);
	if (kind == OUTCOME_ENDED &&
		outcome_record(&row, &attempt->definition, &attempt->end,
					   attempt->assignment.consecutive_failures + 1) != CLAIM_OK)
		kind = OUTCOME_LOCKED;
	if (kind != OUTCOME_ENDED)
	{
		txn_abort();
		return kind;
	}
	txn_commit_without_wait();
	outcome_fill(outcome, &attempt->end);
	return outcome->kind;
}

/* The row waits again as if nobody had looked at it. */
static OutcomeKind
clear_mark(RunRow *row)
{
	run_row_set(row, RUN_COL_ATTEMPT,
				Int32GetDatum(run_int32(row, RUN_COL_ATTEMPT) - 1));
	run_row_set_null(row, RUN_COL_STARTED_AT);
	run_row_set_null(row, RUN_COL_INCARNATION);
	run_row_set_null(row, RUN_COL_PID);
	return run_store_update(row) == CLAIM_OK ? OUTCOME_LOCKED : OUTCOME_AGAIN;
}

OutcomeKind
shell_attempt_undo(ShellAttempt *attempt)
{
	RunRow		row;
	OutcomeKind kind;

	txn_begin("taskly: undo start of shell run");
	kind = lock_our_row(attempt, &row);
	if (kind == OUTCOME_ENDED)
		kind = clear_mark(&row);
	else if (kind == OUTCOME_LOCKED)
		kind = OUTCOME_AGAIN;
	if (kind != OUTCOME_LOCKED)
	{
		txn_abort();
		return kind;
	}
	txn_commit_without_wait();
	return kind;
}
