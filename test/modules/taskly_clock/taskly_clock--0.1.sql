\echo Use "CREATE EXTENSION taskly_clock" to load this file. \quit

CREATE FUNCTION taskly_clock.now() RETURNS timestamptz
LANGUAGE C VOLATILE STRICT PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'taskly_clock_now_v1';
COMMENT ON FUNCTION taskly_clock.now() IS 'What time it is for taskly.';

CREATE FUNCTION taskly_clock.shift_wall(step interval) RETURNS void
LANGUAGE C VOLATILE STRICT PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'taskly_clock_shift_wall_v1';
COMMENT ON FUNCTION taskly_clock.shift_wall(interval) IS 'Steps taskly''s wall clock, for all databases of the server; a month counts as 30 days.';

CREATE FUNCTION taskly_clock.shift_monotonic(step interval) RETURNS void
LANGUAGE C VOLATILE STRICT PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'taskly_clock_shift_monotonic_v1';
COMMENT ON FUNCTION taskly_clock.shift_monotonic(interval) IS 'Lets time pass for taskly''s timeouts, and not for its wall clock.';

CREATE FUNCTION taskly_clock.pass(length interval) RETURNS void
LANGUAGE C VOLATILE STRICT PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'taskly_clock_pass_v1';
COMMENT ON FUNCTION taskly_clock.pass(interval) IS 'Lets time pass on both clocks, as when one waits so long.';

CREATE FUNCTION taskly_clock.reset() RETURNS void
LANGUAGE C VOLATILE STRICT PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'taskly_clock_reset_v1';
COMMENT ON FUNCTION taskly_clock.reset() IS 'Sets the wall clock to the machine''s again; monotonic time never goes back.';

REVOKE ALL ON ALL FUNCTIONS IN SCHEMA taskly_clock FROM PUBLIC;
