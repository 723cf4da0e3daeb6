-- Calendars: each argument is seen to take effect, and each error.

SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS taskly;
CREATE ROLE regress_taskly_keeper;
CREATE ROLE regress_taskly_reader;
GRANT USAGE ON SCHEMA taskly TO regress_taskly_keeper, regress_taskly_reader;
RESET client_min_messages;
SET timezone = 'UTC';
SET datestyle = 'ISO, MDY';

SELECT taskly.create_calendar('empty') AS empty_id \gset
SELECT :empty_id > 0 AS has_id;
SELECT taskly.create_calendar(name => 'full', days => '{2026-12-26, 2026-12-25, 2027-01-01, 2026-12-25}',
	description => 'in any order') AS id \gset
SELECT name, owner = current_user::regrole AS is_mine, description, days, day_count, tasks,
	created_at <= altered_at AS is_made_first
FROM taskly.calendars ORDER BY calendar_id;

-- How many days were new, or were there.
SELECT taskly.add_days('full', '2026-12-24');
SELECT taskly.add_days('full', '2026-12-24', '2026-12-31', '2027-01-06');
SELECT taskly.add_days('full', VARIADIC array(SELECT day::date FROM generate_series('2027-03-26', '2027-03-29', interval '1 day') AS day));
SELECT taskly.add_days_between('full', '2026-12-20', '2026-12-27');
SELECT taskly.add_days_between('full', last => '2026-12-24', first => '2026-12-24');
SELECT days, day_count FROM taskly.calendars WHERE name = 'full';
SELECT taskly.remove_days('full', '2026-12-22', '2030-01-01');
SELECT taskly.remove_days('full', VARIADIC '{2027-01-06, 2027-03-27}');
SELECT taskly.remove_days_between('full', '2026-12-26', '2026-12-31');
SELECT days, day_count FROM taskly.calendars WHERE name = 'full';
SELECT taskly.add_days('full', VARIADIC '{}'), taskly.remove_days('full', VARIADIC '{}');
SELECT taskly.remove_days_between('full', '0001-01-01', '9999-12-31');
SELECT taskly.add_days('full', '0001-01-01', '9999-12-31');
SELECT days, day_count FROM taskly.calendars WHERE name = 'full';
SELECT taskly.add_days_between('full', '0001-01-01', '9999-12-31');
SELECT days, day_count FROM taskly.calendars WHERE name = 'full';
-- A change of days is another version; nothing else is.
SELECT version FROM taskly.calendar WHERE name = 'empty';
SELECT taskly.add_days('empty', '2026-12-25'), taskly.add_days('empty', '2026-12-25'), taskly.remove_days('empty', '2026-12-26');
SELECT version FROM taskly.calendar WHERE name = 'empty';

-- 10000 ranges are not too many; one more is, wherever it comes from.
SELECT taskly.create_calendar('every_other_day',
	array(SELECT date '2000-01-01' + 2 * n FROM generate_series(1, 10000) AS n)) > 0 AS has_id;
SELECT day_count FROM taskly.calendars WHERE name = 'every_other_day';
SELECT taskly.add_days('every_other_day', '1999-01-01');
SELECT taskly.add_days('every_other_day', '2000-01-04');
SELECT taskly.remove_days('every_other_day', '2000-01-03', '2000-01-04', '2000-01-05');
SELECT taskly.add_days_between('every_other_day', '1999-01-01', '1999-01-31');
SELECT taskly.remove_days('every_other_day', '1999-01-15');
SELECT day_count FROM taskly.calendars WHERE name = 'every_other_day';
SELECT taskly.create_calendar('too_many',
	array(SELECT date '2000-01-01' + 2 * n FROM generate_series(1, 10001) AS n));
SELECT taskly.drop_calendar('every_other_day');

-- A calendar in use cannot be dropped.
SELECT taskly.schedule('on_working_days', '0 9 * * *', 'SELECT 1', calendar => 'full') > 0 AS has_id;
SELECT name, tasks FROM taskly.calendars WHERE name = 'full';
SELECT taskly.drop_calendar('full');
SELECT taskly.drop_task('on_working_days');
SELECT taskly.drop_calendar('full');
SELECT count(*) FROM taskly.calendars WHERE name = 'full';

-- What a task makes of its calendar, whose days are those of its time zone.
SELECT taskly.create_calendar('weekends', '{2099-12-26, 2099-12-27}') > 0 AS has_id;
SELECT count(taskly.schedule(name, schedule, 'SELECT 1', starts_at => '2099-12-25 12:00', timezone => zone,
	calendar => 'weekends', on_excluded => rule, description => 'days off'))
FROM (VALUES ('skips', '0 9 * * *', 'UTC', 'skip'), ('moves on', '0 9 26 12 *', 'UTC', 'next'),
	('moves back', '0 13 27 12 *', 'UTC', 'previous'), ('too late', '0 9 27 12 *', 'UTC', 'previous'),
	('in the east', '0 9 26 12 *', 'Asia/Tokyo', 'next'), ('in the west', '0 22 25 12 *', 'America/New_York', 'next')) t(name, schedule, zone, rule);
SELECT name, next_fire FROM taskly.tasks WHERE calendar = 'weekends' ORDER BY task_id;
SELECT taskly.add_days('weekends', '2099-12-28', '2100-12-24', '2100-12-25', '2100-12-26');
SELECT name, next_fire FROM taskly.tasks WHERE calendar = 'weekends' ORDER BY task_id;
SELECT count(taskly.alter(name, reset => '{calendar}')) FROM taskly.tasks WHERE calendar = 'weekends';
SELECT name, next_fire FROM taskly.tasks WHERE description = 'days off' ORDER BY task_id;
SELECT taskly.drop_calendar('weekends');
SELECT count(taskly.drop_task(task_id)) FROM taskly.tasks WHERE description = 'days off';

-- Errors
SELECT taskly.create_calendar('empty');
SELECT taskly.create_calendar(NULL);
SELECT taskly.create_calendar('');
SELECT taskly.create_calendar(repeat('c', 201));
SELECT taskly.create_calendar(E'c\n');
SELECT taskly.create_calendar('c', '{2026-12-25,NULL}');
SELECT taskly.create_calendar('c', '{infinity}');
SELECT taskly.create_calendar('c', '{2026-12-25}', repeat('d', 1024 * 1024 + 1));
SELECT taskly.add_days('no_such_calendar', '2026-12-25');
SELECT taskly.add_days(NULL, '2026-12-25');
SELECT taskly.add_days('empty', NULL);
SELECT taskly.add_days('empty', VARIADIC NULL);
SELECT taskly.add_days('empty', '2026-12-25', '-infinity');
SELECT taskly.add_days('empty', '10000-01-01');
SELECT taskly.add_days('empty', '0001-12-31 BC');
SELECT taskly.add_days_between('empty', '2026-12-25', '2026-12-24');
SELECT taskly.add_days_between('empty', '2026-12-25', 'infinity');
SELECT taskly.add_days_between('empty', NULL, '2026-12-24');
SELECT taskly.add_days_between('empty', '2026-12-25', NULL);
SELECT taskly.remove_days('no_such_calendar', '2026-12-25');
SELECT taskly.remove_days('empty', '2026-12-25', 'infinity');
SELECT taskly.remove_days_between('empty', '2026-12-25', '2026-12-24');
SELECT taskly.drop_calendar('no_such_calendar');
SELECT taskly.drop_calendar(NULL);
BEGIN READ ONLY;
SELECT taskly.create_calendar('c');
ROLLBACK;
BEGIN READ ONLY;
SELECT taskly.add_days('empty', '2026-12-25');
ROLLBACK;
SELECT name, days FROM taskly.calendars ORDER BY name;

-- Everybody sees every calendar; its owner's members and administrators change it.
SET ROLE regress_taskly_keeper;
SELECT taskly.create_calendar('kept', '{2026-12-25}') > 0 AS has_id;
RESET ROLE;
SET ROLE regress_taskly_reader;
SELECT name, owner, days, tasks FROM taskly.calendars WHERE name = 'kept';
SELECT taskly.add_days('kept', '2026-12-26');
SELECT taskly.remove_days_between('kept', '2026-12-25', '2026-12-26');
SELECT taskly.drop_calendar('kept');
SELECT days FROM taskly.calendar;
RESET ROLE;
GRANT regress_taskly_keeper TO regress_taskly_reader;
SET ROLE regress_taskly_reader;
SELECT taskly.add_days('kept', '2026-12-26');
RESET ROLE;
-- Tasks that the reader may not see are not counted for it, but do count.
SELECT taskly.schedule('not_of_reader', '0 9 * * *', 'SELECT 1', calendar => 'kept') > 0 AS has_id;
SELECT tasks FROM taskly.calendars WHERE name = 'kept';
SET ROLE regress_taskly_reader;
SELECT tasks FROM taskly.calendars WHERE name = 'kept';
SELECT taskly.drop_calendar('kept');
RESET ROLE;
SELECT taskly.drop_task('not_of_reader');
-- Whose owner is gone is an administrator's.
REVOKE USAGE ON SCHEMA taskly FROM regress_taskly_keeper, regress_taskly_reader;
DROP ROLE regress_taskly_keeper;
SELECT owner::oid IN (SELECT oid FROM pg_roles) AS has_owner, days FROM taskly.calendars WHERE name = 'kept';
SELECT taskly.remove_days('kept', '2026-12-25');
SELECT taskly.drop_calendar('kept');
DROP ROLE regress_taskly_reader;
SELECT taskly.drop_calendar('empty');
